//! The clock that the journal goes by.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970. In builds for tests, `SEED_TEST_CLOCK` says how many seconds the clock is ahead.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    #[cfg(debug_assertions)]
    if let Some(ahead) = std::env::var("SEED_TEST_CLOCK").ok().and_then(|ahead| ahead.parse().ok()) {
        return now.saturating_add_signed(ahead);
    }
    now
}
