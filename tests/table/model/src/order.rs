//! The order of each operation, as in the C code.  mutate.py weakens each line
//! that does not say why it may be weak.
use loom::sync::atomic::Ordering::{self, AcqRel, Acquire, Release};

// table_index.c
pub const SLOT_LOAD: Ordering = Acquire; // rs_table_lookup, rs_table_insert
pub const SLOT_CAS: Ordering = AcqRel; // rs_table_insert: publishes key and content
pub const FREEZE_CAS: Ordering = AcqRel; // rs_table_insert and copy_some: hands on `next`
pub const COPY_CAS: Ordering = AcqRel; // copy
pub const MOVED_STORE: Ordering = Release; // copy_some: hands on the copy
pub const NEXT_CAS: Ordering = AcqRel; // grow: publishes the new array
pub const NEXT_LOAD: Ordering = Acquire; // next_of
pub const RESERVE_ADD: Ordering = AcqRel; // reserve
pub const QUOTA_ADD: Ordering = AcqRel; // grow: the addition of 0

// table_merge.c and table.c
pub const SEQ_LOAD: Ordering = Acquire; // rs_table_find
pub const SEQ_TAKE: Ordering = AcqRel; // merge: even to odd
pub const SEQ_RELEASE: Ordering = Release; // release
pub const WORD_LOAD: Ordering = Acquire; // rs_table_seek
pub const WORD_STORE: Ordering = Release; // set
pub const STAMP_ADD: Ordering = AcqRel; // spoil, rs_table_evict
pub const STAMP_CHECK: Ordering = AcqRel; // stamp_holds: the addition of 0
pub const MARK_OR: Ordering = AcqRel; // spoil
pub const MARK_CAS: Ordering = AcqRel; // set_mark
pub const TOMB_CAS: Ordering = AcqRel; // rs_table_remove

// table_memory.c
pub const PIN_EXCHANGE: Ordering = AcqRel; // rs_table_pin
pub const UNPIN_STORE: Ordering = Release; // rs_table_unpin
pub const EPOCH_LOAD: Ordering = Acquire; // rs_table_pin, rs_table_reclaim
pub const ADVANCE_ADD: Ordering = AcqRel; // advance: the addition of 0
pub const EPOCH_CAS: Ordering = AcqRel; // advance
