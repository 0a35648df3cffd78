use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dds_sys::{Receiver, event};
use tokio::sync::Notify;

/// What happened to an entity, counted; the threads of the core write it.
#[derive(Default)]
pub(crate) struct Events {
    pub notify: Arc<Notify>,
    pub matched: AtomicU32,
    pub incompatible: AtomicU32,
    pub deadlines_missed: AtomicU32,
    pub lost: AtomicU32,
    pub silent: AtomicU32,
    pub fell_silent: AtomicU32,
}

/// Events with the C receiver that leads to them; both must outlive the entity.
pub(crate) struct Listening {
    pub events: Arc<Events>,
    receiver: Box<Receiver>,
}

// SAFETY: the receiver's pointer leads to the `Arc` beside it, whose content is atomics and a Notify.
unsafe impl Send for Listening {}
// SAFETY: as above; nothing is changed through it.
unsafe impl Sync for Listening {}

impl Listening {
    pub fn new(notify: Arc<Notify>) -> Self {
        let events = Arc::new(Events { notify, ..Events::default() });
        let arg = Arc::as_ptr(&events).cast_mut().cast();
        Self { events, receiver: Box::new(Receiver { call: hear, arg }) }
    }

    pub fn receiver(&self) -> *const Receiver {
        &raw const *self.receiver
    }
}

extern "C" fn hear(arg: *mut c_void, kind: u32, total: u32, current: u32, detail: u32) {
    // A panic must not cross into C. Waking a task is all that could panic, and then there is no one to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `arg` leads to the events that outlive the entity.
        let events = unsafe { &*arg.cast::<Events>() };
        match kind {
            event::MATCHED => events.matched.store(current, Ordering::Release),
            event::INCOMPATIBLE => events.incompatible.store(total, Ordering::Release),
            event::DEADLINE => events.deadlines_missed.store(total, Ordering::Release),
            event::LOST => events.lost.store(total, Ordering::Release),
            event::LIVELINESS => {
                let before = events.silent.swap(detail, Ordering::AcqRel);
                events.fell_silent.fetch_add(detail.saturating_sub(before), Ordering::AcqRel);
            }
            _ => {}
        }
        events.notify.notify_one();
    }));
}
