#!/usr/bin/env python3
"""What the program says to wrong options and to servers that it cannot use: the
exit status by which a unit decides to try again, and one line for a person."""
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import support
from support import CONFIG, FINE, NO, UNAVAILABLE, USAGE, WRITER, servers

VERBS = ("ingest", "timeline", "why", "explain", "status", "quarantine", "offsets", "rules", "check", "config", "migrate")
FAR = "192.0.2.1"  # TEST-NET: nobody


def setUpModule():
    support.start()


class CommandLine(support.Test):
    def test_unknown_verbs_and_options_come_with_a_suggestion(self):
        self.complaint("timelin", "X", code=USAGE, says=['unknown verb "timelin"', "did you mean timeline?"])
        self.complaint("ingest", "--bokers", "x", code=USAGE,
                       says=['unknown option "bokers"', 'did you mean "brokers"?'])
        self.complaint("status", "-z", code=USAGE, says='unknown option "-z"')
        self.complaint("status", "--topic", "x", code=USAGE, says="--topic is not for this verb")

    def test_values_out_of_bounds_are_named_with_the_bounds(self):
        topic = ("ingest", "--topic", "x")
        for option, says in (
                (("--workers", "0"), '--workers: "0" is no number from 1 to 64'),
                (("--workers", "many"), '"many" is no number from 1 to 64'),
                (("--batch-bytes", "1"), '--batch-bytes: "1" is no number from 1048576'),
                (("--batch-age", "10"), '--batch-age: "10" is no time from 1ms to 60s'),
                (("--raw", "some"), '--raw: "some" is none of: none new all'),
                (("--start", "yesterday"), '"yesterday" is neither beginning nor end nor an instant'),
                (("--topic", "scans=nobody"), 'there is no source "nobody"'),
                (("--metrics", "9464"), "expected HOST:PORT")):
            with self.subTest(option):
                self.complaint(*topic, *option, "--brokers", self.nowhere(), code=USAGE, says=says)
        self.complaint("timeline", "X", "--as-of", "soon", code=USAGE, says='"soon" is no ISO 8601 instant')
        self.complaint("status", "--format", "xml", code=USAGE, says='"xml" is none of: table json csv ndjson')
        self.complaint("timeline", "X", "--carrier", code=USAGE, says="--carrier needs ID")
        self.complaint("ingest", code=USAGE, says="no topic to read: name one with --topic")
        self.complaint("quarantine", "delete", code=USAGE, says="expected list, show ID, or export")
        self.complaint("rules", "look", code=USAGE, says="expected check, or test")
        self.complaint("rules", "test", code=USAGE, says="name the rules to be tried with --rules")

    def test_stall_rules_are_shown_in_order(self):
        rules = self.run_rastro("rules", "check", "--format", "json").json
        self.fits("rules", rules)
        self.assertEqual(rules[0]["name"], "default-never-scanned")
        self.assertEqual((rules[1]["fits"], rules[1]["after"], rules[1]["days"]), ("leg customs", "P20D", "all days"))
        self.assertIn("default-stuck", self.run_rastro("rules", "check").out)

    def test_stall_rules_that_are_wrong_are_named_with_line_and_column(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"version": 1, "rules": [\n'
                       '  {"name": "all", "kind": "no_update", "after": "P20D"},\n'
                       '  {"name": "br", "kind": "no_update", "lane": "*-BR", "after": "P15D"}]}')
            file.flush()
            self.complaint("rules", "check", "--rules", file.name, code=CONFIG,
                           says=[f'{file.name}:3:3: no parcel comes to rule "br": "all" of line 2',
                                 "put it ahead of that rule"])
        self.complaint("rules", "check", "--rules", "/nowhere.json", code=CONFIG, says="/nowhere.json: No such file")

    @staticmethod
    def nowhere():
        return f"127.0.0.1:{servers.free_port()}"

    def test_without_a_verb_usage_goes_to_standard_error(self):
        done = self.run_rastro(code=USAGE)
        self.assertEqual(done.out, "")
        self.assertTrue(done.err.startswith("usage: rastro VERB"))

    def test_help_of_every_verb_has_an_example(self):
        self.assertTrue(all(f"\n  {verb} " in self.run_rastro("--help").out for verb in VERBS))
        for verb in VERBS:
            done = self.run_rastro(verb, "--help")
            self.assertIn(f"\nexample: rastro {verb}", done.out)
            self.assertEqual(done.err, "")

    def test_a_full_disk_under_standard_output_is_no_success(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([support.RASTRO, "config"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=support.environment(WRITER, None))
        self.assertNotEqual(done.returncode, FINE)
        self.assertIn("standard output cannot be written", done.stderr)


class Files(support.Test):
    def write(self, text, mode=0o600):
        path = os.path.join(support.folder, "file.conf")
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def shown(self, *words, **env):
        out = self.run_rastro("config", *words, env=env).out
        return {line.split(" = ")[0].strip(): line.split(" = ", 1)[1] for line in out.splitlines()}

    def test_a_configuration_file_that_cannot_be_used_is_named_with_its_line(self):
        self.complaint("status", "--config", "/tmp", code=CONFIG, says="/tmp: cannot be read")
        self.complaint("status", "--config", "/nowhere/rastro.conf", code=CONFIG,
                       says="/nowhere/rastro.conf: cannot be read")
        path = self.write("# options\n\nbatch-rows = 100\nbroker = x\n")
        self.complaint("status", "--config", path, code=CONFIG,
                       says=[f'{path}:4: unknown option "broker"', 'did you mean "brokers"?'])
        path = self.write("workers = 99\n")
        self.complaint("status", "--config", path, code=CONFIG, says=f'{path}:1: "99" is no number from 1 to 64')
        path = self.write("workers\n")
        self.complaint("status", "--config", path, code=CONFIG, says=f"{path}:1: expected key = value")

    def test_a_flag_comes_before_the_environment_and_that_before_a_file(self):
        path = self.write("workers = 3\nbatch-rows = 7\ngroup = of-file\ntopic = a\ntopic = b=usps\n")
        shown = self.shown("--config", path, "--workers", "5", RASTRO_WORKERS="4", RASTRO_GROUP="of-environment")
        self.assertRegex(shown["workers"], r"^5 +# --workers$")
        self.assertRegex(shown["group"], r"^of-environment +# RASTRO_GROUP$")
        self.assertRegex(shown["batch-rows"], rf"^7 +# {path}:2$")
        self.assertRegex(shown["topic"], rf"^a b=usps +# {path}:5$")
        self.assertRegex(shown["queue-bytes"], "^128m +# default$")
        self.assertRegex(self.shown(RASTRO_CONFIG=path)["workers"], f"^3 +# {path}:1$")

    def test_secrets_are_masked_wherever_they_come_from(self):
        path = self.write("kafka = sasl.password=hunter2 with blanks\n")
        for env in ({"RASTRO_POSTGRES": "postgresql://me:hunter2@db1/x"},
                    {"RASTRO_POSTGRES": "host=db1 password=hunter2"},
                    {"RASTRO_POSTGRES": "host=db1 password='hunter2 hunter2' user=me"},
                    {"RASTRO_KAFKA": "ssl.key.password=hunter2"}):
            out = self.run_rastro("config", "--config", path, env=env).out
            self.assertNotIn("hunter2", out)
            self.assertIn("***", out)

    def test_a_password_in_argv_is_refused(self):
        for words in (("--postgres", "postgresql://me:hunter2@db1/x"), ("--postgres=host=db1 password=hunter2",),
                      ("-X", "sasl.password=hunter2"), ("-Xssl.key.password=hunter2",)):
            done = self.complaint("check", *words, code=USAGE, says=[
                "a password on the command line can be read by every user", "Next: put it into a file of mode 0600"])
            self.assertNotIn("hunter2", done.err)

    def test_a_secret_is_read_from_a_file_that_only_its_owner_can_read(self):
        secret = f"sasl.password=@{self.write('hunter2', 0o644)}"
        ingest = ("ingest", "--topic", "x")
        done = self.complaint(*ingest, code=CONFIG, env={"RASTRO_KAFKA": secret},
                              says=["can be read by others", "Next: chmod 600"])
        self.assertNotIn("hunter2", done.err)
        self.complaint(*ingest, code=CONFIG, env={"RASTRO_KAFKA": "sasl.password=@/nowhere/x"},
                       says="/nowhere/x cannot be read")
        os.chmod(os.path.join(support.folder, "file.conf"), 0o600)
        # It is taken, so what is wrong is the next thing.
        self.complaint(*ingest, "--brokers", f"{FAR}:9092", code=CONFIG, env={"RASTRO_KAFKA": secret},
                       says="without TLS")


class Servers(support.Test):
    topics = ("scans:1",)

    def setUp(self):
        super().setUp()
        self.nowhere = servers.free_port()

    def test_postgresql_that_is_away_is_to_be_tried_again(self):
        env = {"PGPORT": str(self.nowhere)}
        says = f"postgresql 127.0.0.1:{self.nowhere}/"
        for verb in (("status",), ("timeline", "X"), ("migrate",), ("quarantine", "list"), ("offsets", "show")):
            self.complaint(*verb, code=UNAVAILABLE, env=env, says=says)
        self.complaint("ingest", *self.ingest_options("scans"), "--until-end", code=UNAVAILABLE, env=env, says=says)

    # These wait for 5 or 10 s, so they run beside the other tests.
    without_broker = (("ingest", "--topic", "scans"), ("ingest", "--topic", "scans", "--until-end"),
                      ("offsets", "resume", "scans/0", "--reason", "x"))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.no_broker = f"127.0.0.1:{servers.free_port()}"
        database = cls.new_database("rastro")
        pool = ThreadPoolExecutor()
        cls.addClassCleanup(pool.shutdown)
        cls.runs = [pool.submit(support.run, *verb, "--brokers", cls.no_broker, database=database)
                    for verb in cls.without_broker]

    def test_without_a_broker_it_is_to_be_tried_again(self):
        for verb, run in zip(self.without_broker, self.runs):
            done = run.result()
            self.assertEqual(done.code, UNAVAILABLE, str(done))
            # librdkafka may have its word before.
            self.assertEqual(done.err.splitlines()[-1], f"rastro {verb[0]}: kafka {self.no_broker}: no broker answers")

    def test_who_is_not_let_in_is_configuration(self):
        self.complaint("status", code=CONFIG, env={"PGPASSWORD": "wrong"},
                       says=["password authentication failed", "rastro_writer"])
        self.complaint("status", code=CONFIG, env={"PGPASSFILE": "/nowhere"}, says="no password supplied")
        self.complaint("status", code=CONFIG, env={"PGDATABASE": "nowhere"}, says='database "nowhere" does not exist')
        self.complaint("status", code=CONFIG, env={"PGUSER": "nobody", "PGPASSWORD": "x"}, says='"nobody"')
        self.complaint("status", "--postgres", "host=127.0.0.1 prot=1", code=CONFIG, says="--postgres: ")
        self.complaint("status", "--postgres", "service=nowhere sslmode=verify-full", code=CONFIG, says="nowhere")

    def test_plaintext_to_a_far_postgresql_is_refused(self):
        says = "a far host without sslmode=verify-full could be anybody"
        for env in ({"PGHOST": FAR}, {"PGHOST": f"127.0.0.1,{FAR}"}, {"PGHOST": "127.0.0.1", "PGHOSTADDR": FAR},
                    {"PGHOST": "127.example.com"}, {"PGHOST": "localhost.example.com"},
                    {"PGHOST": FAR, "PGSSLMODE": "require"}):
            with self.subTest(env):
                done = self.complaint("status", code=CONFIG, env=env, says=says)
                self.assertIn("--allow-plaintext if the network is yours alone", done.err)
        for conninfo in (f"host={FAR}", f"postgresql://{FAR}/x", f"host=localhost hostaddr={FAR}", "service=x"):
            with self.subTest(conninfo):
                self.complaint("status", "--postgres", conninfo, code=CONFIG, says=says)

    def test_plaintext_to_a_far_postgresql_can_be_allowed(self):
        self.complaint("status", "--postgres", f"host={FAR} connect_timeout=2", "--allow-plaintext", code=UNAVAILABLE,
                       says=f"postgresql {FAR}:")

    def test_plaintext_to_a_far_broker_is_refused(self):
        says = "a far broker without TLS could be anybody"
        for brokers in (f"{FAR}:9092", f"localhost:9092,{FAR}:9092", "localhost.example.com:9092",
                        "127.example.com:9092", "127.0.0.1.example.com", f"PLAINTEXT://{FAR}:9092"):
            with self.subTest(brokers):
                self.complaint("ingest", "--topic", "x", "--brokers", brokers, code=CONFIG, says=says)
        self.complaint("ingest", "--topic", "x", "--brokers", f"{FAR}:9092", "-Xsecurity.protocol=sasl_plaintext",
                       code=CONFIG, says=says)

    def test_what_the_program_needs_of_librdkafka_cannot_be_changed(self):
        for name in ("enable.auto.commit", "auto.offset.reset", "bootstrap.servers", "metadata.broker.list",
                     "group.id", "transactional.id", "enable.idempotence", "acks"):
            self.complaint("ingest", "--topic", "x", f"-X{name}=x", code=CONFIG,
                           says=f"-X {name}: rastro sets this one itself")
        self.complaint("ingest", "--topic", "x", "-Xno.such=1", code=CONFIG, says="-X no.such: ")
        self.complaint("ingest", "--topic", "x", "-Xno", code=CONFIG, says="expected name=value")

    def test_the_answer_no_is_no_failure_of_a_server(self):
        self.complaint("timeline", "X1", code=NO, says="never heard of")


if __name__ == "__main__":
    support.main()
