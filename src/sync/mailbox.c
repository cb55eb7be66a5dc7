#include "rastro/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rastro/error.h"

struct rs_mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct rs_letter *letter; /* a ring, guarded by lock */
    unsigned room, first, count;
};

struct rs_mailbox *rs_mailbox_new(unsigned room)
{
    struct rs_mailbox *mailbox = rs_calloc(1, sizeof *mailbox);
    mailbox->letter = rs_calloc(room, sizeof *mailbox->letter);
    mailbox->room = room;
    pthread_mutex_init(&mailbox->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&mailbox->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    return mailbox;
}

void rs_mailbox_free(struct rs_mailbox *mailbox)
{
    if (!mailbox) return;
    pthread_mutex_destroy(&mailbox->lock);
    pthread_cond_destroy(&mailbox->filled);
    free(mailbox->letter);
    free(mailbox);
}

void rs_mailbox_put(struct rs_mailbox *mailbox, struct rs_letter letter)
{
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->count == mailbox->room) {
        fputs("rastro: a mailbox overflows\n", stderr);
        abort();
    }
    mailbox->letter[(mailbox->first + mailbox->count++) % mailbox->room] = letter;
    pthread_cond_signal(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->lock);
}

static struct timespec deadline_in(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

bool rs_mailbox_take(struct rs_mailbox *mailbox, int timeout_ms, struct rs_letter *ret)
{
    struct timespec deadline = deadline_in(timeout_ms < 0 ? 0 : timeout_ms);
    pthread_mutex_lock(&mailbox->lock);
    while (!mailbox->count && timeout_ms) {
        if (timeout_ms < 0) {
            pthread_cond_wait(&mailbox->filled, &mailbox->lock);
        } else if (pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    bool found = mailbox->count > 0;
    if (found) {
        *ret = mailbox->letter[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->room;
        mailbox->count--;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return found;
}
