/* rastro-mock-broker TOPIC:PARTITIONS...
 *
 * librdkafka's mock cluster in a process of its own.  Prints 127.0.0.1:PORT on
 * its first line and runs until SIGTERM or SIGINT.  A partition keeps only
 * about 5 MB; there is no creation of topics, so they are named here.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "rastro-mock-broker: %s: %s\n", what, why);
    return 1;
}

static int add_topic(rd_kafka_mock_cluster_t *cluster, const char *word)
{
    char name[256];
    const char *colon = strrchr(word, ':');
    int partitions = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    if (!colon || colon == word || (size_t)(colon - word) >= sizeof name || partitions < 1) {
        return fail(word, "expected TOPIC:PARTITIONS");
    }
    memcpy(name, word, (size_t)(colon - word));
    name[colon - word] = '\0';
    rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(cluster, name, partitions, 1);
    return err ? fail(word, rd_kafka_err2str(err)) : 0;
}

int main(int argc, char **argv)
{
    char why[512];
    sigset_t signals;
    int number;

    /* Blocked in every thread that librdkafka starts, and awaited here. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    if (!rk) return fail("librdkafka", why);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (!cluster) return fail("librdkafka", "no mock cluster");
    for (int i = 1; i < argc; i++) {
        if (add_topic(cluster, argv[i])) return 64;
    }
    puts(rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    sigwait(&signals, &number);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(rk);
    return 0;
}
