#include "rastro/episode.h"

#include "support.h"

#define DAY RS_DAY_US

static const struct rs_rule rule = {.name = {"a-rule", 6}};
static const struct rs_episode_rules now = {.version = 3, .active_from_us = INT64_MIN};

static struct rs_stall_event events[4];
static struct rs_episode found[4];
static struct rs_stalls stalls;
static struct rs_stored_episode stored[4];
static uint32_t stored_n;

static void open_world(void)
{
    for (uint8_t i = 0; i < COUNT(events); i++) events[i].fp.b[0] = i + 1;
    stalls = (struct rs_stalls){.episode = found};
    stored_n = 0;
}

TestSuite(episode, .init = open_world);

/* Of kind no_update: its clock started on a day, it was due on another; started by event 0. */
static struct rs_episode *find(int start, int since)
{
    found[stalls.n] = (struct rs_episode){.kind = RS_STALL_no_update,
                                          .rule = &rule,
                                          .start_us = start * DAY,
                                          .since_us = since * DAY,
                                          .closed_us = INT64_MAX,
                                          .closed_by = RS_STALL_NONE};
    return &found[stalls.n++];
}

static struct rs_stored_episode *store(int start, int since)
{
    stored[stored_n] = (struct rs_stored_episode){.id = stored_n + 1,
                                                  .kind = RS_STALL_no_update,
                                                  .rules_version = 3,
                                                  .started_us = start * DAY,
                                                  .since_us = since * DAY,
                                                  .until_us = INT64_MAX,
                                                  .last = events[0].fp,
                                                  .rule = rule.name};
    return &stored[stored_n++];
}

/* "close 0:1 find -:0": what is stored and what was found. */
static const char *steps_by(const struct rs_episode_rules *rules)
{
    static const char *const names[] = {
        [RS_EPISODE_FIND] = "find",         [RS_EPISODE_OPEN] = "open",     [RS_EPISODE_DROP] = "drop",
        [RS_EPISODE_CLOSE] = "close",       [RS_EPISODE_REOPEN] = "reopen", [RS_EPISODE_CORRECT] = "correct",
        [RS_EPISODE_WITHDRAW] = "withdraw",
    };
    struct rs_episode_change *change;
    uint32_t n = rs_episodes_compare(stored, stored_n, &stalls, events, rules, rs_test_arena(), &change);
    struct rs_str said = RS_STR_NONE;
    for (uint32_t i = 0; i < n; i++) {
        char at[2] = {'-', '-'};
        if (change[i].stored != RS_STALL_NONE) at[0] = (char)('0' + change[i].stored);
        if (change[i].found != RS_STALL_NONE) at[1] = (char)('0' + change[i].found);
        said = rs_test_say("%.*s%s%s %c:%c", RS_FMT(said), i ? ", " : "", names[change[i].step], at[0], at[1]);
    }
    return said.n ? said.p : "";
}

#define assert_steps(want) cr_assert_str_eq(steps_by(&now), want)

Test(episode, what_is_as_it_is_stored_needs_nothing)
{
    find(1, 11);
    store(1, 11);
    assert_steps("");
}

Test(episode, what_nobody_knew_is_found)
{
    find(1, 11);
    assert_steps("find -:0");
}

Test(episode, a_candidate_is_opened_or_dropped)
{
    find(1, 11);
    store(1, 11)->candidate = true;
    store(2, 12)->candidate = true;
    assert_steps("open 0:0, drop 1:-");
}

Test(episode, an_end_closes_and_another_end_closes_anew)
{
    find(1, 11)->closed_us = 15 * DAY;
    store(1, 11);
    assert_steps("close 0:0");
    stored[0].until_us = 14 * DAY;
    assert_steps("close 0:0");
    stored[0].until_us = 15 * DAY;
    assert_steps("");
}

Test(episode, an_end_that_was_none_opens_it_again)
{
    find(1, 11);
    store(1, 11)->until_us = 15 * DAY;
    assert_steps("reopen 0:0");
}

Test(episode, other_events_may_tell_of_the_same)
{
    find(1, 11)->last = 1;
    store(1, 11);
    assert_steps("correct 0:0");
    stored[0].last = events[1].fp;
    assert_steps("");
    found[0].closed_us = stored[0].until_us = 15 * DAY;
    found[0].closed_by = 2;
    assert_steps("correct 0:0");
}

Test(episode, the_same_may_be_by_another_clock_or_rule)
{
    find(1, 11);
    store(2, 11);
    assert_steps("correct 0:0");
    found[0].closed_us = stored[0].until_us = 15 * DAY;
    assert_steps("correct 0:0");
    stored[0].started_us = 1 * DAY;
    assert_steps("");
    stored[0].rule = RS_LIT("another");
    assert_steps("correct 0:0");
    stored[0].rules_version = 2; /* that is what it was found by */
    assert_steps("");
}

Test(episode, what_never_was_is_withdrawn_also_when_it_had_ended)
{
    store(1, 11);
    store(2, 12)->until_us = 15 * DAY;
    assert_steps("withdraw 0:-, withdraw 1:-");
}

Test(episode, kinds_and_instants_keep_them_apart)
{
    find(1, 11);
    store(1, 11)->kind = RS_STALL_stuck;
    store(1, 12);
    assert_steps("withdraw 0:-, withdraw 1:-, find -:0");
}

Test(episode, under_other_rules_the_start_of_the_clock_tells_what_is_the_same)
{
    find(1, 6);
    store(1, 11)->rules_version = 2;
    assert_steps("");
    stored[0].candidate = true;
    assert_steps("drop 0:-, find -:0");
}

Test(episode, what_ended_under_other_rules_stays)
{
    struct rs_stored_episode *old = store(1, 11);
    old->rules_version = 2;
    assert_steps("withdraw 0:-");
    old->until_us = 15 * DAY;
    assert_steps("");
}

Test(episode, rules_find_nothing_that_ended_before_they_counted)
{
    struct rs_episode_rules later = {.version = 3, .active_from_us = 20 * DAY};
    find(1, 11)->closed_us = 15 * DAY;
    cr_assert_str_eq(steps_by(&later), "");
    found[0].closed_us = 25 * DAY;
    cr_assert_str_eq(steps_by(&later), "find -:0");
    found[0].closed_us = INT64_MAX;
    cr_assert_str_eq(steps_by(&later), "find -:0");
}
