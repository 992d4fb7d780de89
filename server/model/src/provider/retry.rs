//! When a question is asked again, and how long is waited before.

use std::time::Duration;

use jiff::Timestamp;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(500);

/// The longest that a provider's wish is heeded. Longer, and the user is told instead.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// Whether another attempt may mend it: too slow, too many, or a fault of the provider.
pub(super) fn may_mend(status: u16) -> bool {
    status == 408 || status == 429 || (500..600).contains(&status)
}

/// How long is waited before an attempt, counted from 2, if the provider says nothing.
pub(super) fn backoff(attempt: u32) -> Duration {
    FIRST * 2u32.saturating_pow(attempt.saturating_sub(2))
}

/// What `Retry-After` says: seconds, or a date.
pub(super) fn wished(header: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(header.trim()).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_of_the_provider_is_read() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        for (header, seconds) in [
            ("7", Some(7.0)),
            ("0.5", Some(0.5)),
            ("Fri, 02 Jan 2026 03:04:35 GMT", Some(30.0)),
            ("Fri, 02 Jan 2026 03:04:00 GMT", Some(0.0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(wished(header, now).map(|time| time.as_secs_f64()), seconds, "{header}");
        }
    }

    #[test]
    fn what_may_be_mended() {
        let mended: Vec<u16> =
            [400, 401, 404, 408, 413, 422, 429, 500, 502, 503, 529].into_iter().filter(|status| may_mend(*status)).collect();
        assert_eq!(mended, [408, 429, 500, 502, 503, 529]);
        assert_eq!([2, 3].map(|attempt| backoff(attempt).as_millis()), [500, 1000]);
    }
}
