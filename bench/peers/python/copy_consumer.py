"""A consumer as one writes it by hand: a batch is one transaction, COPY to a
temporary table and INSERT ... ON CONFLICT from there; offsets are committed to
Kafka behind it.  As many processes as PEER_WORKERS says."""
import multiprocessing.connection
import os
import sys

import orjson
import psycopg
from confluent_kafka import Consumer, KafkaException

COLUMNS = "number, instant, code, text, status, country, region, city, place, topic, partition, kafka_offset"
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def line(message):
    told = orjson.loads(message.value())
    event = told["event"]
    place = event.get("place", {})
    words = [told["number"], event["time"], event.get("code", ""), event.get("text", ""), event.get("status", ""),
             place.get("country", ""), place.get("region", ""), place.get("city", ""), place.get("name", ""),
             message.topic(), str(message.partition()), str(message.offset())]
    joined = "\t".join(words)
    if joined.count("\t") == len(words) - 1 and not any(c in joined for c in "\\\n\r"):
        return joined
    # Rare: a tab or a line's end inside of a word.
    return "\t".join([word.translate(ESCAPES) for word in words])


def write(connection, cursor, messages):
    with cursor.copy("COPY staged FROM STDIN (NULL '')") as copy:
        copy.write("\n".join([line(message) for message in messages]) + "\n")
    cursor.execute("INSERT INTO events SELECT * FROM staged ORDER BY number, instant, code ON CONFLICT DO NOTHING")
    connection.commit()


def consume():
    consumer = Consumer({
        "bootstrap.servers": os.environ["PEER_BROKERS"], "group.id": os.environ["PEER_GROUP"],
        "session.timeout.ms": int(os.environ["PEER_SESSION_MS"]), "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "fetch.min.bytes": 1000000, "fetch.wait.max.ms": 100})
    consumer.subscribe([os.environ["PEER_TOPIC"]])
    with psycopg.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE staged ON COMMIT DELETE ROWS AS SELECT {COLUMNS} FROM events LIMIT 0")
        connection.commit()
        while True:
            messages = consumer.consume(5000, 0.2)
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
            if not messages:
                continue
            write(connection, cursor, messages)
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as e:
                # Whoever has the partitions now reads this again; its key absorbs it.
                print(e, file=sys.stderr)


def main():
    workers = [multiprocessing.Process(target=consume, daemon=True) for _ in range(int(os.environ["PEER_WORKERS"]))]
    for worker in workers:
        worker.start()
    # None ends by itself; when one fails, all do.
    multiprocessing.connection.wait([worker.sentinel for worker in workers])
    sys.exit(1)


if __name__ == "__main__":
    main()
