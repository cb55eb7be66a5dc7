//! table_index.c: `rs_table_insert`, `rs_table_lookup`, `grow`, `copy_some`.
//! Every key has place 0; a record is its number, its key stands in `key`.
use crate::atomic::AtomicUsize;
use crate::order::*;
use loom::sync::atomic::Ordering::Relaxed;

pub const EMPTY: usize = 0;
pub const FROZEN: usize = 1;
pub const TOMB: usize = 2;
pub const MOVED: usize = 3;
const CLOSED: usize = 1 << 20;
const SLOTS: usize = 3;
const LIMIT: usize = 2;

pub struct Array {
    slot: Vec<AtomicUsize>,
    next: AtomicUsize, // 0 or 1: whether the second array is there
    made: AtomicUsize, // what is written before it is published
    used: AtomicUsize,
}

pub struct Index {
    pub array: [Array; 2],
    key: Vec<AtomicUsize>, // by record
}

#[derive(Debug, PartialEq, Clone, Copy)]
pub enum Inserted {
    Inserted,
    Exists(usize),
    NoRoom,
}

fn array() -> Array {
    Array {
        slot: (0..SLOTS).map(|_| AtomicUsize::new(EMPTY)).collect(),
        next: AtomicUsize::new(0),
        made: AtomicUsize::new(0),
        used: AtomicUsize::new(0),
    }
}

fn is_ref(slot: usize) -> bool {
    slot >> 2 != 0 && slot & TOMB == 0
}

impl Index {
    pub fn new() -> Index {
        Index { array: [array(), array()], key: (0..4).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// The key of a record that a slot names, read relaxed: the slot's acquire has it.
    fn is_key(&self, record: usize, key: usize) -> bool {
        let there = self.key[record].load(Relaxed);
        assert!(there != 0, "a slot names a record that is not written yet");
        there == key
    }

    pub fn lookup(&self, key: usize) -> usize {
        for (n, a) in self.array.iter().enumerate() {
            assert!(n == 0 || a.made.load(Relaxed) == 1, "an array was used before it was made");
            for slot in &a.slot {
                let s = slot.load(SLOT_LOAD);
                if s | FROZEN == FROZEN {
                    break;
                }
                if is_ref(s) && self.is_key(s >> 2, key) {
                    return s >> 2;
                }
            }
            if a.next.load(NEXT_LOAD) == 0 {
                break;
            }
        }
        0
    }

    pub fn insert(&self, key: usize, record: usize) -> Inserted {
        self.key[record].store(key, Relaxed);
        let (mut a, mut i) = (0, 0);
        loop {
            let array = &self.array[a];
            let mut s = array.slot[i].load(SLOT_LOAD);
            if s == EMPTY {
                if array.next.load(NEXT_LOAD) != 0 {
                    if array.slot[i].compare_exchange(EMPTY, FROZEN, FREEZE_CAS, SLOT_LOAD).is_err() {
                        continue;
                    }
                    s = FROZEN;
                } else {
                    if array.used.fetch_add(1, RESERVE_ADD) >= LIMIT {
                        array.used.fetch_sub(1, Relaxed);
                        return Inserted::NoRoom;
                    }
                    if array.next.load(NEXT_LOAD) != 0 {
                        array.used.fetch_sub(1, Relaxed);
                        continue;
                    }
                    if array.slot[i].compare_exchange(EMPTY, record << 2, SLOT_CAS, SLOT_LOAD).is_ok() {
                        return Inserted::Inserted;
                    }
                    array.used.fetch_sub(1, Relaxed);
                    continue;
                }
            }
            if s == FROZEN {
                assert!(array.next.load(NEXT_LOAD) != 0, "frozen, and there is no next array");
                a += 1;
                assert!(self.array[a].made.load(Relaxed) == 1, "an array was used before it was made");
                i = 0;
                continue;
            }
            if is_ref(s) && self.is_key(s >> 2, key) {
                return Inserted::Exists(s >> 2);
            }
            i += 1;
        }
    }

    /// `grow`, then `copy_some` for all slots.
    pub fn grow_and_copy(&self) {
        let (old, new) = (&self.array[0], &self.array[1]);
        new.used.store(CLOSED, Relaxed);
        new.made.store(1, Relaxed);
        if old.next.compare_exchange(0, 1, NEXT_CAS, NEXT_LOAD).is_err() {
            return;
        }
        let quota = old.used.fetch_add(0, QUOTA_ADD);
        new.used.fetch_sub(CLOSED - quota, Relaxed);
        let mut copied = 0;
        for slot in &old.slot {
            let mut s = slot.load(SLOT_LOAD);
            while s & (FROZEN | TOMB) == 0 {
                match slot.compare_exchange(s, s | FROZEN, FREEZE_CAS, SLOT_LOAD) {
                    Ok(_) => s |= FROZEN,
                    Err(now) => s = now,
                }
            }
            if !is_ref(s) {
                continue;
            }
            let place = new.slot.iter().position(|n| n.compare_exchange(EMPTY, s & !FROZEN, COPY_CAS, SLOT_LOAD).is_ok());
            assert!(place.is_some(), "no room for a copy");
            copied += 1;
            slot.store(MOVED, MOVED_STORE);
        }
        assert!(copied <= quota, "more was copied than was counted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::check;
    use loom::sync::Arc;
    use loom::thread::spawn;

    #[test]
    fn two_inserts_of_one_key_meet() {
        check(3, || {
            let index = Arc::new(Index::new());
            let other = index.clone();
            let t = spawn(move || other.insert(7, 2));
            let (mine, his) = (index.insert(7, 1), t.join().unwrap());
            assert!(matches!(
                (mine, his),
                (Inserted::Inserted, Inserted::Exists(1)) | (Inserted::Exists(2), Inserted::Inserted)
            ));
        });
    }

    #[test]
    fn a_lookup_sees_what_the_slot_names() {
        check(3, || {
            let index = Arc::new(Index::new());
            let other = index.clone();
            let t = spawn(move || other.insert(7, 1));
            index.lookup(7); // asserts that the key is written
            t.join().unwrap();
            assert_eq!(index.lookup(7), 1);
        });
    }

    #[test]
    fn what_moves_is_found_all_the_time() {
        check(3, || {
            let index = Arc::new(Index::new());
            assert_eq!(index.insert(7, 1), Inserted::Inserted);
            let other = index.clone();
            let t = spawn(move || other.grow_and_copy());
            assert_eq!(index.lookup(7), 1);
            assert_eq!(index.insert(7, 2), Inserted::Exists(1));
            t.join().unwrap();
            assert_eq!(index.lookup(7), 1);
        });
    }

    #[test]
    fn who_looks_into_the_new_array_sees_what_its_slots_name() {
        check(2, || {
            let index = Arc::new(Index::new());
            let (other, third) = (index.clone(), index.clone());
            let t = spawn(move || other.grow_and_copy());
            let u = spawn(move || third.insert(7, 1));
            index.lookup(7); // asserts that the key is written
            t.join().unwrap();
            u.join().unwrap();
        });
    }

    #[test]
    fn an_insert_during_growth_is_there_once() {
        check(3, || {
            let index = Arc::new(Index::new());
            let other = index.clone();
            let t = spawn(move || other.grow_and_copy());
            let inserted = index.insert(7, 1);
            t.join().unwrap();
            let found = index.lookup(7);
            assert_eq!(found != 0, inserted == Inserted::Inserted);
            let new = index.array[1].slot.iter().filter(|s| is_ref(s.load(Relaxed))).count();
            assert_eq!(new, found, "a copy and an insert");
        });
    }

    #[test]
    fn two_inserts_during_growth_meet() {
        check(2, || {
            let index = Arc::new(Index::new());
            let (other, third) = (index.clone(), index.clone());
            let t = spawn(move || other.grow_and_copy());
            let u = spawn(move || third.insert(7, 2));
            let mine = index.insert(7, 1);
            t.join().unwrap();
            let his = u.join().unwrap();
            assert!(mine != Inserted::Inserted || his != Inserted::Inserted);
            let new = index.array[1].slot.iter().filter(|s| is_ref(s.load(Relaxed))).count();
            assert_eq!(new, usize::from(mine == Inserted::Inserted || his == Inserted::Inserted));
        });
    }
}
