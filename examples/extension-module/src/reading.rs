//! The module's own type.

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::prelude::*;
use rust_binding::prelude::*;

static LIVE: AtomicI64 = AtomicI64::new(0);

/// What a thermometer said.
#[derive(Object)]
#[object(key = "extension_module.Reading")]
#[repr(C)]
pub(crate) struct Reading {
    header: ObjectHeader,
    /// Which thermometer.
    sensor: Str,
    /// How warm it is.
    pub(crate) celsius: f64,
}

#[methods]
impl Reading {
    /// The same for Americans.
    fn fahrenheit(&self) -> f64 {
        self.celsius * 9.0 / 5.0 + 32.0
    }
}

impl Reading {
    pub(crate) fn make(sensor: &str, celsius: f64) -> ObjectArc<Self> {
        LIVE.fetch_add(1, Ordering::Relaxed);
        ObjectArc::new(Self {
            header: ObjectHeader::new(),
            sensor: Str::from(sensor),
            celsius,
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many readings are alive.
#[pyfunction]
pub(crate) fn live() -> i64 {
    LIVE.load(Ordering::Relaxed)
}
