//! The parcel table's protocols under the C11 memory model, by loom.
//!
//! The C code (src/sync/table*.c) runs on x86, where most orders that it asks
//! for cannot be seen to be missing; ThreadSanitizer sees plain data only, and
//! here nearly all data are atomics.  So each protocol is written down again,
//! small, with the orders that the C code uses, one constant each in `order`;
//! `mutate.py` weakens them one by one and wants each to be noticed here.
//!
//! | module  | models                                          | of                            |
//! |---------|-------------------------------------------------|-------------------------------|
//! | index   | insert, freeze, copy, moved, quota, lookup      | table_index.c                 |
//! | record  | sequence, stale mark, stamps, removal           | table_merge.c, table.c: find  |
//! | epochs  | pin, advance, retire, use again                 | table_memory.c                |
//!
//! What loom does not show, and why that is enough here:
//!
//! - Load buffering (a load that sees a store which depends on what another
//!   thread stores later).  It needs relaxed loads before relaxed stores in both
//!   threads.  Every load here whose value decides a store is an acquire, or is
//!   made by who holds the word alone; hardware does not let an acquire pass a
//!   later store.  The relaxed ones are counters and ages, which decide only how
//!   much work is done.
//! - Sequentially consistent operations are weaker in loom than in C11: none is
//!   used.  Where a store must be seen by whom a later load did not see, both
//!   sides are read-modify-writes of one word.
//! - Read-modify-writes of different words that change places (loom orders them
//!   as it runs them).  So it cannot show why the mark's CAS must acquire what a
//!   spoiler released: the addition to the stamp behind it could come first.  The
//!   C code has the acquire; the argument is invariant 8 in table.c.
//! - Schedules beyond three preemptions (two with three threads), and those that
//!   loom takes for equal to others by mistake: `atomic` says how that is met.
//! - Sizes: one or two keys, two or four slots, two or three threads.  More of
//!   the same is for the explorer and for stress.
//! - The C compiler: that the C code is as here is said by comments on both
//!   sides, not proven.

pub mod atomic;
pub mod epochs;
pub mod index;
pub mod order;
pub mod record;
