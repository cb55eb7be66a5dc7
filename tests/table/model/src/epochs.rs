//! table_memory.c: `rs_table_pin`, `rs_table_unpin`, `advance`, `rs_table_reclaim`.
//! One thing stands in `slot`; who finds it there reads it, who takes it out
//! uses it again after its grace.  loom's cell notices if both happen at once.
use crate::atomic::AtomicUsize;
use crate::order::*;
use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::Relaxed;

pub const GRACE: usize = 3;
const FIRST: usize = 8;

pub struct Epochs {
    epoch: AtomicUsize,
    pinned: Vec<AtomicUsize>,
    slot: AtomicUsize,
    thing: UnsafeCell<usize>,
}

unsafe impl Sync for Epochs {}

impl Epochs {
    pub fn new(threads: usize) -> Epochs {
        Epochs {
            epoch: AtomicUsize::new(FIRST),
            pinned: (0..threads).map(|_| AtomicUsize::new(0)).collect(),
            slot: AtomicUsize::new(1),
            thing: UnsafeCell::new(42),
        }
    }

    pub fn pin(&self, me: usize) -> usize {
        let mut epoch = self.epoch.load(EPOCH_LOAD);
        loop {
            self.pinned[me].swap(epoch << 1 | 1, PIN_EXCHANGE);
            let now = self.epoch.load(EPOCH_LOAD);
            if now == epoch {
                return epoch;
            }
            epoch = now;
        }
    }

    pub fn unpin(&self, me: usize) {
        self.pinned[me].store(0, UNPIN_STORE);
    }

    pub fn advance(&self) {
        let epoch = self.epoch.load(EPOCH_LOAD);
        for p in &self.pinned {
            let pinned = p.fetch_add(0, ADVANCE_ADD);
            if pinned != 0 && pinned >> 1 != epoch {
                return;
            }
        }
        let _ = self.epoch.compare_exchange(epoch, epoch + 1, EPOCH_CAS, EPOCH_LOAD);
    }

    /// A find: pinned, it reads what it finds.
    pub fn read(&self, me: usize) {
        self.pin(me);
        if self.slot.load(SLOT_LOAD) == 1 {
            self.thing.with(|p| assert_eq!(unsafe { *p }, 42));
        }
        self.unpin(me);
    }

    /// Takes the thing out; the epoch that it was pinned at.
    pub fn take_out(&self, me: usize) -> usize {
        let epoch = self.pin(me);
        self.slot.compare_exchange(1, 0, TOMB_CAS, Relaxed).unwrap();
        self.unpin(me);
        epoch
    }

    /// Moves the epoch on and, if the grace is over, uses the thing again.
    pub fn reclaim(&self, retired: usize, tries: usize) -> bool {
        for _ in 0..tries {
            self.advance();
        }
        if self.epoch.load(EPOCH_LOAD) < retired + GRACE {
            return false;
        }
        self.thing.with_mut(|p| unsafe { *p = 7 });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::check;
    use loom::sync::Arc;
    use loom::thread::spawn;

    #[test]
    fn nothing_is_used_again_while_it_is_read() {
        check(3, || {
            let epochs = Arc::new(Epochs::new(2));
            let other = epochs.clone();
            let t = spawn(move || other.read(1));
            let retired = epochs.take_out(0);
            epochs.reclaim(retired, 3);
            t.join().unwrap();
        });
    }

    #[test]
    fn nor_when_others_move_the_epoch_on() {
        check(2, || {
            let epochs = Arc::new(Epochs::new(3));
            let (other, third) = (epochs.clone(), epochs.clone());
            let t = spawn(move || other.read(1));
            let u = spawn(move || {
                third.advance();
                third.advance();
            });
            let retired = epochs.take_out(0);
            epochs.reclaim(retired, 2);
            t.join().unwrap();
            u.join().unwrap();
        });
    }

    #[test]
    fn the_grace_ends() {
        check(3, || {
            let epochs = Arc::new(Epochs::new(1));
            let retired = epochs.take_out(0);
            assert!(epochs.reclaim(retired, 3));
        });
    }
}
