#include "rastro/mailbox.h"

#include <pthread.h>
#include <signal.h>

#include "support.h"

Test(mailbox, gives_letters_in_order)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(3);
    struct rs_letter letter;
    /* Round and round, so that the ring wraps at every place. */
    int next = 0, want = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1 + round % 3; i++) rs_mailbox_put(mailbox, (struct rs_letter){.number = next++});
        while (rs_mailbox_take(mailbox, 0, &letter)) cr_assert(letter.number == want++);
        cr_assert(want == next);
    }
    rs_mailbox_free(mailbox);
    rs_mailbox_free(NULL);
}

Test(mailbox, carries_kind_number_and_pointer)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(1);
    int what;
    rs_mailbox_put(mailbox, (struct rs_letter){7, -3, &what});
    struct rs_letter letter;
    cr_assert(rs_mailbox_take(mailbox, -1, &letter));
    cr_expect(letter.kind == 7 && letter.number == -3 && letter.what == &what);
    rs_mailbox_free(mailbox);
}

Test(mailbox, says_when_nothing_came, .timeout = 30)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(1);
    struct rs_letter letter = {.number = 42};
    cr_expect(!rs_mailbox_take(mailbox, 0, &letter));
    cr_expect(!rs_mailbox_take(mailbox, 5, &letter));
    cr_expect(letter.number == 42, "the output stays as it was");
    rs_mailbox_free(mailbox);
}

Test(mailbox, ends_the_process_when_it_overflows, .signal = SIGABRT)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(2);
    for (int i = 0; i < 3; i++) rs_mailbox_put(mailbox, (struct rs_letter){.number = i});
}

enum { PUTTERS = 4, LETTERS = 2000 };

struct putter {
    struct rs_mailbox *mailbox;
    int kind;
};

static void *put_all(void *self)
{
    struct putter *putter = self;
    for (int i = 0; i < LETTERS; i++) {
        rs_mailbox_put(putter->mailbox, (struct rs_letter){putter->kind, i, NULL});
    }
    return NULL;
}

Test(mailbox, keeps_each_senders_order, .timeout = 60)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(PUTTERS * LETTERS);
    struct putter putter[PUTTERS];
    pthread_t thread[PUTTERS];
    for (int i = 0; i < PUTTERS; i++) {
        putter[i] = (struct putter){mailbox, i};
        cr_assert(pthread_create(&thread[i], NULL, put_all, &putter[i]) == 0);
    }
    int next[PUTTERS] = {0};
    for (int taken = 0; taken < PUTTERS * LETTERS; taken++) {
        struct rs_letter letter;
        cr_assert(rs_mailbox_take(mailbox, -1, &letter));
        cr_assert(letter.number == next[letter.kind]++, "from %d", letter.kind);
    }
    for (int i = 0; i < PUTTERS; i++) pthread_join(thread[i], NULL);
    rs_mailbox_free(mailbox);
}

static void *answer(void *self)
{
    struct rs_mailbox **box = self;
    struct rs_letter letter;
    for (int i = 0; i < LETTERS; i++) {
        if (!rs_mailbox_take(box[0], -1, &letter)) return NULL;
        letter.number++;
        rs_mailbox_put(box[1], letter);
    }
    return box;
}

/* Each side sleeps until the other has put one: a lost wake-up would hang. */
Test(mailbox, wakes_who_waits, .timeout = 60)
{
    struct rs_mailbox *box[2] = {rs_mailbox_new(1), rs_mailbox_new(1)};
    pthread_t thread;
    cr_assert(pthread_create(&thread, NULL, answer, box) == 0);
    for (int i = 0; i < LETTERS; i++) {
        struct rs_letter letter;
        rs_mailbox_put(box[0], (struct rs_letter){.number = i});
        cr_assert(rs_mailbox_take(box[1], -1, &letter));
        cr_assert(letter.number == i + 1);
    }
    void *end;
    pthread_join(thread, &end);
    cr_expect(end != NULL);
    rs_mailbox_free(box[0]);
    rs_mailbox_free(box[1]);
}
