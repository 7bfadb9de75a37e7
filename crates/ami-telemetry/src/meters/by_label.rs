//! Counters of one metric, told apart by a label whose values are not all known beforehand.
//!
//! Made when first needed and kept: to register one costs a key and a walk through the recorder. The values are a bounded
//! set (see [`crate::names`]).

use std::collections::HashMap;

use metrics::Counter;
use parking_lot::RwLock;

use crate::names::Metric;

/// They.
pub(super) struct CountersByLabel {
    metric: &'static Metric,
    label: &'static str,
    made: RwLock<HashMap<Box<str>, Counter>>,
}

impl CountersByLabel {
    pub(super) fn new(metric: &'static Metric, label: &'static str) -> Self {
        Self {
            metric,
            label,
            made: RwLock::default(),
        }
    }

    /// Counts one more with this value of the label.
    pub(super) fn count(&self, value: &str) {
        if let Some(counter) = self.made.read().get(value) {
            counter.increment(1);
            return;
        }
        // Two that come at once are given the same counter by the recorder.
        let counter = self.metric.counter(&[(self.label, value)]);
        counter.increment(1);
        self.made.write().insert(value.into(), counter);
    }
}
