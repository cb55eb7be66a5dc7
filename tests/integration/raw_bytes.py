"""An event's own bytes out of its row, as src/core/raw.c stores them."""
import datetime
import decimal

QUERY = ("SELECT e.kafka_partition, e.kafka_offset, encode(e.raw, 'hex'), extract(epoch FROM e.instant), e.code, e.text, e.time_words, e.zone_words, "
         "e.country, e.region, e.city, e.place FROM rastro.events e JOIN rastro.topics t USING (topic) "
         "WHERE e.raw IS NOT NULL AND {where}")


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def length(data, at, nibble):
    """Of an LZ4 sequence's literals or match."""
    if nibble == 15:
        while True:
            nibble += data[at]
            at += 1
            if data[at - 1] != 255:
                break
    return nibble, at


def lz4_block(data, dictionary):
    out, at = bytearray(dictionary), 0
    while at < len(data):
        token = data[at]
        n, at = length(data, at + 1, token >> 4)
        out += data[at:at + n]
        at += n
        if at == len(data):
            break
        distance = data[at] | data[at + 1] << 8
        n, at = length(data, at + 2, token & 15)
        for _ in range(n + 4):
            out.append(out[-distance])
    return bytes(out[len(dictionary):])


def spellings(instant, words):
    """What each mark of enum rs_raw_mark stands for."""
    seconds = decimal.Decimal(instant)
    fraction = f"{seconds % 1:.6f}"[1:].rstrip("0").rstrip(".")
    utc = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return {**dict(enumerate(words, 1)), 14: f"{utc:%Y-%m-%dT%H:%M:%S}{fraction}Z", 15: str(int(seconds * 1000)),
            16: words[2][:10], 17: words[2][11:19]}


def unpack(stored, instant, words, dictionaries, shapes):
    """`words` in the order of their marks; what was stored, and by which codec."""
    codec = stored[0]
    if codec == 0:
        return stored[1:], codec
    if codec == 3:
        number, at = varint(stored, 1)
        assert at == len(stored)
        marks = spellings(instant, words)
        return b"".join(marks[byte].encode() if byte in marks else bytes([byte]) for byte in shapes[number]), codec
    wanted, at = varint(stored, 1)
    number, at = varint(stored, at) if codec == 2 else (None, at)
    raw = lz4_block(stored[at:], dictionaries[number] if codec == 2 else b"")
    assert len(raw) == wanted
    return raw, codec


def read(sql, where):
    """{(partition, offset): [(bytes, codec)]} of events `e` of topic `t`; `sql` runs a query."""
    def table(query):
        return {int(number): bytes.fromhex(text) for number, text in sql(query)}

    dictionaries = table("SELECT dictionary, encode(bytes, 'hex') FROM rastro.dictionary_list")
    shapes = table("SELECT shape, encode(bytes, 'hex') FROM rastro.shape_list")
    found = {}
    for partition, offset, raw, instant, *words in sql(QUERY.format(where=where)):
        found.setdefault((int(partition), int(offset)), []).append(
            unpack(bytes.fromhex(raw), instant, words, dictionaries, shapes))
    return found
