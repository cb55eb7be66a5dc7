//! loom's atomic, with a relaxed addition to one common counter before each
//! operation.
//!
//! loom leaves out schedules that it takes for equal to others, and it knows of
//! a variable's accesses only the last: a load of one thread that is followed by
//! a load and a store of another is then never tried behind that store (seen
//! with loom 0.7.3: `what_moves_is_found_all_the_time` never saw a slot moved).
//! An addition to the counter depends on each other one, so no two operations
//! are taken for independent.  Relaxed, it orders nothing in the memory model.
use loom::sync::atomic::{AtomicUsize as Loom, Ordering};

loom::lazy_static! {
    static ref COUNTER: Loom = Loom::new(0);
}

fn point() {
    COUNTER.fetch_add(1, Ordering::Relaxed);
}

pub struct AtomicUsize(Loom);

impl AtomicUsize {
    /// By the thread that spawns the others: the counter is made then.
    pub fn new(v: usize) -> AtomicUsize {
        point();
        AtomicUsize(Loom::new(v))
    }
    pub fn load(&self, order: Ordering) -> usize {
        point();
        self.0.load(order)
    }
    pub fn store(&self, v: usize, order: Ordering) {
        point();
        self.0.store(v, order)
    }
    pub fn swap(&self, v: usize, order: Ordering) -> usize {
        point();
        self.0.swap(v, order)
    }
    pub fn fetch_add(&self, v: usize, order: Ordering) -> usize {
        point();
        self.0.fetch_add(v, order)
    }
    pub fn fetch_sub(&self, v: usize, order: Ordering) -> usize {
        point();
        self.0.fetch_sub(v, order)
    }
    pub fn fetch_or(&self, v: usize, order: Ordering) -> usize {
        point();
        self.0.fetch_or(v, order)
    }
    pub fn compare_exchange(&self, old: usize, new: usize, order: Ordering, fail: Ordering) -> Result<usize, usize> {
        point();
        self.0.compare_exchange(old, new, order, fail)
    }
}

/// All schedules with so many preemptions.
pub fn check(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(body);
}
