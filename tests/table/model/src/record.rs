//! table_merge.c: `merge_held`, `make`, `spoil`; table.c: `rs_table_find`.
//! One key with one slot; two records, of two words of facts each.  A fact is
//! a bit; both words have the same, so that a torn state shows.
use crate::atomic::AtomicUsize;
use crate::order::*;
use loom::sync::atomic::Ordering::Relaxed;

const STALE: usize = 1;

pub struct Record {
    seq: AtomicUsize,
    mark: AtomicUsize,
    word: [AtomicUsize; 2],
}

pub struct Table {
    slot: AtomicUsize, // 0, a record's number + 1, or TOMB
    second: AtomicUsize,
    record: [Record; 2],
    stamp: AtomicUsize,
}

/// Where find saw nothing usable: the record and its sequence, and the stamp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Base {
    seen: Option<(usize, usize)>,
    missed: usize,
}

const TOMB: usize = 9;

fn record() -> Record {
    Record { seq: AtomicUsize::new(1), mark: AtomicUsize::new(0), word: [AtomicUsize::new(0), AtomicUsize::new(0)] }
}

impl Table {
    pub fn new() -> Table {
        Table {
            slot: AtomicUsize::new(0),
            second: AtomicUsize::new(0),
            record: [record(), record()],
            stamp: AtomicUsize::new(0),
        }
    }

    /// The record of the key: behind a tomb it is in the second slot.
    fn lookup(&self) -> Option<&Record> {
        let mut s = self.slot.load(SLOT_LOAD);
        if s == TOMB {
            s = self.second.load(SLOT_LOAD);
        }
        if s == 0 { None } else { Some(&self.record[s - 1]) }
    }

    /// `rs_table_find`, reading, and `rs_table_unchanged`: the facts, or what there is
    /// in place of a usable record.
    pub fn find(&self) -> Result<usize, Base> {
        let mut seen = None;
        if let Some(r) = self.lookup() {
            let seq = r.seq.load(SEQ_LOAD);
            seen = Some((self.number_of(r), seq));
            if seq & 1 == 0 && r.mark.load(SEQ_LOAD) & STALE == 0 {
                let a = r.word[0].load(WORD_LOAD);
                let b = r.word[1].load(WORD_LOAD);
                if r.seq.load(SEQ_LOAD) == seq {
                    assert_eq!(a, b, "a torn state was taken for one");
                    return Ok(a);
                }
            }
        }
        Err(Base { seen, missed: self.stamp.load(SEQ_LOAD) })
    }

    fn number_of(&self, r: &Record) -> usize {
        if std::ptr::eq(r, &self.record[0]) { 1 } else { 2 }
    }

    /// What find would say of a key that has no record.
    #[cfg(test)]
    fn none(&self) -> Base {
        Base { seen: None, missed: self.stamp.load(SEQ_LOAD) }
    }

    /// `spoil`: (1) the stamp, (2) a fresh look, (3) the mark.
    pub fn spoil(&self) {
        self.stamp.fetch_add(1, STAMP_ADD);
        if let Some(r) = self.lookup() {
            r.mark.fetch_or(STALE, MARK_OR);
        }
    }

    /// A part: true if the record has it.
    pub fn part(&self, fact: usize) -> bool {
        let merged = self.try_part(fact);
        if !merged {
            self.spoil();
        }
        merged
    }

    /// The same where `base` names the record: `by_base`, which reads no slot.
    pub fn part_at(&self, number: usize, fact: usize) -> bool {
        let r = &self.record[number - 1];
        let alive = r.seq.load(SEQ_LOAD) & 1 == 0; // here who is taken out stays odd
        let merged = if alive { self.try_record(r, fact) } else { self.try_part(fact) };
        if !merged {
            self.spoil();
        }
        merged
    }

    fn try_part(&self, fact: usize) -> bool {
        let Some(r) = self.lookup() else { return false };
        self.try_record(r, fact)
    }

    fn try_record(&self, r: &Record, fact: usize) -> bool {
        let seq = r.seq.load(SEQ_LOAD);
        if seq & 1 != 0 || r.seq.compare_exchange(seq, seq + 1, SEQ_TAKE, SEQ_LOAD).is_err() {
            return false;
        }
        if r.mark.load(SEQ_LOAD) & STALE != 0 {
            r.seq.store(seq, SEQ_RELEASE);
            return false;
        }
        for w in &r.word {
            w.store(w.load(Relaxed) | fact, WORD_STORE);
        }
        r.seq.store(seq + 2, SEQ_RELEASE);
        true
    }

    fn stamp_holds(&self, base: Base) -> bool {
        self.stamp.fetch_add(0, STAMP_CHECK) == base.missed
    }

    /// `make`: a record that is in no slot yet.
    pub fn make(&self, number: usize, facts: usize, base: Base) -> bool {
        let r = &self.record[number - 1];
        for w in &r.word {
            w.store(facts, WORD_STORE);
        }
        let first = self.slot.load(SLOT_LOAD);
        let slot = if first == TOMB { &self.second } else { &self.slot };
        if first != 0 && first != TOMB || slot.compare_exchange(0, number, SLOT_CAS, SLOT_LOAD).is_err() {
            self.spoil();
            return false;
        }
        let holds = self.stamp_holds(base);
        if !holds {
            r.mark.fetch_or(STALE, MARK_OR);
        }
        r.seq.store(2, SEQ_RELEASE);
        if !holds {
            self.spoil();
        }
        holds
    }

    /// `merge_held` with whole facts, of a stale record.
    pub fn renew(&self, facts: usize, base: Base) -> bool {
        let r = self.lookup().unwrap();
        let seq = r.seq.load(SEQ_LOAD);
        if seq & 1 != 0 || r.seq.compare_exchange(seq, seq + 1, SEQ_TAKE, SEQ_LOAD).is_err() {
            self.spoil();
            return false;
        }
        // Made, or merged into, since: it stays as it is.
        if base.seen != Some((self.number_of(r), seq)) {
            r.seq.store(seq, SEQ_RELEASE);
            self.spoil();
            return false;
        }
        for w in &r.word {
            w.store(facts, WORD_STORE);
        }
        let mut mark = r.mark.load(SEQ_LOAD);
        while let Err(now) = r.mark.compare_exchange(mark, mark & !STALE, MARK_CAS, SEQ_LOAD) {
            mark = now;
        }
        let holds = self.stamp_holds(base);
        if !holds {
            r.mark.fetch_or(STALE, MARK_OR);
        }
        r.seq.store(seq + 2, SEQ_RELEASE);
        if !holds {
            self.spoil();
        }
        holds
    }

    /// `merge` with whole facts.
    pub fn whole(&self, number: usize, facts: usize, base: Base) -> bool {
        if self.lookup().is_some() { self.renew(facts, base) } else { self.make(number, facts, base) }
    }

    /// `rs_table_evict`.
    pub fn evict(&self) -> bool {
        let Some(r) = self.lookup() else { return false };
        let seq = r.seq.load(SEQ_LOAD);
        if seq & 1 != 0 || r.seq.compare_exchange(seq, seq + 1, SEQ_TAKE, SEQ_LOAD).is_err() {
            return false;
        }
        self.stamp.fetch_add(1, STAMP_ADD);
        let s = self.slot.load(SLOT_LOAD);
        let slot = if s == TOMB { &self.second } else { &self.slot };
        let s = slot.load(SLOT_LOAD);
        slot.compare_exchange(s, TOMB, TOMB_CAS, SLOT_LOAD).unwrap();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::check;
    use loom::sync::atomic::Ordering::SeqCst;
    use loom::sync::Arc;
    use loom::thread::spawn;

    /// A record with fact 1, and usable.
    fn with_one() -> Arc<Table> {
        let table = Arc::new(Table::new());
        assert!(table.make(1, 1, table.none()));
        table
    }

    #[test]
    fn a_reader_knows_when_it_saw_a_change() {
        check(3, || {
            let table = with_one();
            let other = table.clone();
            let t = spawn(move || other.part(2));
            if let Ok(facts) = table.find() {
                assert!(facts & 1 != 0);
            }
            assert!(t.join().unwrap());
            assert_eq!(table.find(), Ok(3));
        });
    }

    #[test]
    fn no_fact_is_lost_between_two_writers() {
        check(3, || {
            let table = with_one();
            let other = table.clone();
            let t = spawn(move || other.part(2));
            let mine = table.part(4);
            let his = t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert!(mine && his);
                assert_eq!(facts, 7);
            }
        });
    }

    #[test]
    fn no_fact_is_lost_where_the_base_names_the_record() {
        check(3, || {
            let table = with_one();
            let other = table.clone();
            let t = spawn(move || other.part_at(1, 2));
            let mine = table.part(4);
            let his = t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert!(mine && his);
                assert_eq!(facts, 7);
            }
        });
    }

    #[test]
    fn a_base_that_leaves_loses_no_fact() {
        check(3, || {
            let table = with_one();
            let base = table.none();
            let other = table.clone();
            let t = spawn(move || other.part_at(1, 2));
            table.evict();
            table.make(2, 1, base);
            t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert_eq!(facts & 2, 2, "a fact was missed");
            }
        });
    }

    #[test]
    fn a_record_made_of_old_facts_is_not_usable() {
        check(3, || {
            let table = Arc::new(Table::new());
            let base = table.find().unwrap_err(); // and PostgreSQL is read: nothing
            let other = table.clone();
            let t = spawn(move || other.part(2));
            table.make(1, 0, base);
            t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert_eq!(facts & 2, 2, "a fact was missed");
            }
        });
    }

    #[test]
    fn a_stale_record_renewed_of_old_facts_is_not_usable() {
        check(3, || {
            let table = with_one();
            table.spoil();
            let base = table.find().unwrap_err();
            let other = table.clone();
            let t = spawn(move || other.part(2));
            table.renew(1, base);
            t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert_eq!(facts & 2, 2, "a fact was missed");
            }
        });
    }

    /// The mark of a merge that found no record comes when one was made meanwhile and
    /// merged into.
    #[test]
    fn a_late_mark_lets_nobody_forget_what_came_between() {
        check(2, || {
            let table = Arc::new(Table::new());
            let durable = Arc::new(AtomicUsize::new(2)); // of the part that is merged first
            let (late, other, his) = (table.clone(), table.clone(), durable.clone());
            let a = spawn(move || late.part(2));
            let b = spawn(move || {
                let Err(base) = other.find() else { return };
                if other.whole(1, his.load(SeqCst), base) {
                    his.fetch_or(4, SeqCst);
                    other.part(4);
                }
            });
            if let Err(base) = table.find() {
                table.whole(2, durable.load(SeqCst), base);
            }
            a.join().unwrap();
            b.join().unwrap();
            if let Ok(facts) = table.find() {
                assert_eq!(facts, durable.load(SeqCst), "a fact was missed");
            }
        });
    }

    #[test]
    fn what_left_took_no_fact_with_it() {
        check(3, || {
            let table = with_one();
            let other = table.clone();
            // Read before: of fact 2 it knows nothing.
            let base = table.none();
            let t = spawn(move || {
                other.part(2);
                other.evict();
            });
            table.make(2, 1, base);
            t.join().unwrap();
            if let Ok(facts) = table.find() {
                assert_eq!(facts & 2, 2, "a fact was missed");
            }
        });
    }
}
