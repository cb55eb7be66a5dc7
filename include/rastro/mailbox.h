/* mailbox.h - small messages between threads, in order.
 *
 * For what happens some times a second: a full batch, a partition given or
 * taken, an answer.  Many may put, one takes.  A mutex and a condition; the
 * number of letters under way is bounded by the protocol of those who use it
 * and checked here.
 */
#ifndef RASTRO_MAILBOX_H
#define RASTRO_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

struct rs_letter {
    int kind; /* what the users agree on */
    int number;
    void *what;
};

struct rs_mailbox;

/* More letters than `room` at once end the process: it is a defect. */
struct rs_mailbox *rs_mailbox_new(unsigned room);
void rs_mailbox_free(struct rs_mailbox *mailbox); /* NULL is fine */

void rs_mailbox_put(struct rs_mailbox *mailbox, struct rs_letter letter);

/* Waits for at most timeout_ms (0: not at all, -1: for ever). */
bool rs_mailbox_take(struct rs_mailbox *mailbox, int timeout_ms, struct rs_letter *ret);

#endif
