import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * A consumer as one writes it by hand: what a poll returns is one transaction, COPY to a temporary
 * table and INSERT ... ON CONFLICT from there; offsets are committed to Kafka behind it.
 */
public final class CopyConsumer implements Runnable {
    record Place(String country, String region, String city, String name) {}

    record Event(String code, String status, String text, String time, Place place) {}

    record Message(String number, Event event) {}

    private static final String COLUMNS =
            "number, instant, code, text, status, country, region, city, place, topic, partition, kafka_offset";
    private static final Place NOWHERE = new Place(null, null, null, null);
    private static final ObjectReader READER = new ObjectMapper()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .readerFor(Message.class);

    private final StringBuilder rows = new StringBuilder();

    private static Properties consumerProperties() {
        Properties p = new Properties();
        p.put("bootstrap.servers", System.getenv("PEER_BROKERS"));
        p.put("group.id", System.getenv("PEER_GROUP"));
        p.put("session.timeout.ms", System.getenv("PEER_SESSION_MS"));
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("max.poll.records", "5000");
        p.put("fetch.min.bytes", "1000000");
        p.put("fetch.max.wait.ms", "100");
        p.put("key.deserializer", ByteArrayDeserializer.class.getName());
        p.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return p;
    }

    private static Connection connect() throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
                + System.getenv("PGDATABASE");
        Connection connection = DriverManager.getConnection(url, System.getenv("PGUSER"),
                System.getenv("PEER_PASSWORD"));
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TEMPORARY TABLE staged ON COMMIT DELETE ROWS AS SELECT " + COLUMNS
                    + " FROM events LIMIT 0");
        }
        connection.commit();
        return connection;
    }

    private void put(String word) {
        if (word == null) {
            rows.append("\\N");
        } else {
            for (int i = 0; i < word.length(); i++) {
                char c = word.charAt(i);
                switch (c) {
                    case '\t' -> rows.append("\\t");
                    case '\n' -> rows.append("\\n");
                    case '\r' -> rows.append("\\r");
                    case '\\' -> rows.append("\\\\");
                    default -> rows.append(c);
                }
            }
        }
        rows.append('\t');
    }

    private void put(ConsumerRecord<byte[], byte[]> record) throws Exception {
        Message message = READER.readValue(record.value());
        Event event = message.event();
        Place place = event.place() == null ? NOWHERE : event.place();
        for (String word : new String[] {message.number(), event.time(), event.code(), event.text(), event.status(),
            place.country(), place.region(), place.city(), place.name(), record.topic()}) {
            put(word);
        }
        rows.append(record.partition()).append('\t').append(record.offset()).append('\n');
    }

    private void write(Connection connection, ConsumerRecords<byte[], byte[]> records) throws Exception {
        rows.setLength(0);
        for (ConsumerRecord<byte[], byte[]> record : records) {
            put(record);
        }
        byte[] bytes = rows.toString().getBytes(StandardCharsets.UTF_8);
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY staged FROM STDIN");
        copy.writeToCopy(bytes, 0, bytes.length);
        copy.endCopy();
        try (Statement statement = connection.createStatement()) {
            statement.execute("INSERT INTO events SELECT * FROM staged ORDER BY number, instant, code"
                    + " ON CONFLICT DO NOTHING");
        }
        connection.commit();
    }

    private void consume() throws Exception {
        try (Connection connection = connect();
                KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerProperties())) {
            consumer.subscribe(List.of(System.getenv("PEER_TOPIC")));
            while (true) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) {
                    continue;
                }
                write(connection, records);
                try {
                    consumer.commitSync();
                } catch (CommitFailedException | RebalanceInProgressException e) {
                    // Whoever has the partitions now reads this again; its key absorbs it.
                }
            }
        }
    }

    @Override
    public void run() {
        try {
            consume();
        } catch (Exception e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    public static void main(String[] arguments) {
        for (int i = Integer.parseInt(System.getenv("PEER_WORKERS")); i > 0; i--) {
            new Thread(new CopyConsumer()).start();
        }
    }
}
