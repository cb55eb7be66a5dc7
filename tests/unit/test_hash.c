#include "rastro/hash.h"

#include "support.h"

/* FIPS 180-4 and its example values. */
static const struct {
    const char *text;
    const char *sum;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

Test(hash, is_sha256)
{
    for (size_t i = 0; i < COUNT(vectors); i++) {
        uint8_t sum[RS_SHA256_LEN];
        char hex[2 * RS_SHA256_LEN + 1];
        rs_sha256(vectors[i].text, strlen(vectors[i].text), sum);
        rs_hex(sum, sizeof sum, hex);
        cr_expect_str_eq(hex, vectors[i].sum);
    }
}

Test(hash, makes_a_key_of_the_first_half)
{
    cr_expect_str_eq(rs_test_hex(rs_key_of("abc", 3)), "ba7816bf8f01cfea414140de5dae2223");
}

Test(hash, makes_a_key_of_the_first_half_whatever_the_length)
{
    char text[400];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7 + 1);
    for (size_t n = 0; n <= sizeof text; n++) {
        uint8_t sum[RS_SHA256_LEN];
        rs_sha256(text, n, sum);
        struct rs_key key = rs_key_of(text, n);
        cr_expect_arr_eq(key.b, sum, sizeof key.b, "of %zu bytes", n);
    }
}

Test(hash, orders_keys_as_postgresql_orders_uuid)
{
    struct rs_key low = {{0}}, high = {{0}};
    high.b[0] = 0x80;
    low.b[15] = 0xff;
    cr_expect(rs_key_cmp(low, high) < 0, "bytes are unsigned, the first counts most");
    cr_expect(rs_key_cmp(high, low) > 0);
    cr_expect(rs_key_cmp(low, low) == 0 && rs_key_eq(low, low));
    cr_expect(!rs_key_eq(low, high));
}

Test(hash, writes_hex)
{
    const uint8_t bytes[] = {0x00, 0x0f, 0xf0, 0xff, 0x1a};
    char hex[11];
    rs_hex(bytes, sizeof bytes, hex);
    cr_expect_str_eq(hex, "000ff0ff1a");
    rs_hex(bytes, 0, hex);
    cr_expect_str_eq(hex, "");
}

Test(hash, draws_new_random_bytes_each_time)
{
    uint8_t a[32] = {0}, b[32] = {0};
    rs_random(a, sizeof a);
    rs_random(b, sizeof b);
    cr_expect(memcmp(a, b, sizeof a) != 0);
}
