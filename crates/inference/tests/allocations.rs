//! A run allocates nothing on this side. Alone in its process, whose allocator it counts.
#![allow(unsafe_code, reason = "an allocator is unsafe to write")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use inference::Model;
use support::{SIGNATURE, inputs, models, options};

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_run_and_reading_its_outputs_allocate_nothing() {
    let Some(options) = options() else { return };
    let mut model = Model::load_stage(&models().join("trajectory_predictor"), "", &options, SIGNATURE).unwrap();
    let data = [inputs(0.1), inputs(0.2)];
    let views = data.each_ref().map(|data| [0, 1, 2, 3].map(|i| data[i].as_slice()));
    let mut sum = 0.0;
    let mut run = |views: &[&[f32]]| {
        sum += model.run(views, |outputs| outputs[0].iter().sum::<f32>() + outputs[1][0]).unwrap();
    };
    run(&views[0]);
    let before = COUNT.load(Ordering::Relaxed);
    for i in 0..20 {
        // The memory changes as well.
        run(&views[i % 2]);
    }
    let allocations = COUNT.load(Ordering::Relaxed) - before;
    assert!(sum.is_finite());
    assert_eq!(allocations, 0);
}
