import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs the statements of a file in a cluster inside this process, and stays while they run. */
public final class FlinkSql {
    private static String withEnvironment(String sql) {
        return Pattern.compile("\\$\\{(\\w+)}").matcher(sql)
                .replaceAll(m -> Matcher.quoteReplacement(System.getenv(m.group(1))));
    }

    public static void main(String[] arguments) throws Exception {
        Configuration configuration = Configuration.fromMap(Map.of(
                "execution.target", "local",
                "parallelism.default", System.getenv("PEER_WORKERS"),
                "execution.checkpointing.interval", "5s"));
        TableEnvironment tables = TableEnvironment.create(
                EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
        String text = Files.readString(Path.of(arguments[0])).replaceAll("(?m)^--.*$", "");
        for (String statement : withEnvironment(text).split(";\\s*\\n")) {
            if (statement.isBlank()) {
                continue;
            }
            var result = tables.executeSql(statement);
            if (result.getJobClient().isPresent()) {
                result.await();
            }
        }
    }
}
