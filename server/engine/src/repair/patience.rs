//! When a role is left alone for a while: it was repaired again and again, it could not be, or it is looked at in vain
//! all the time.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// A role that is repaired so often …
const OFTEN: usize = 10;
/// … within so long is left alone: something else changes it back, and a quarrel of two only loads the machine.
const WITHIN: Duration = Duration::from_secs(10);
/// How long at first; twice as long each time it happens again soon after.
const FIRST: Duration = Duration::from_secs(1);
/// A role that is looked at in vain so often within a second is written to all the time, as an image in use is, …
const NOISY: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// … and is looked at no more often than this.
pub(super) const SELDOM: Duration = Duration::from_millis(30);

/// What is remembered of one role.
#[derive(Default)]
struct Past {
    repairs: VecDeque<Instant>,
    /// Until when it is left alone; none once that is over.
    held_until: Option<Instant>,
    /// When it was last left alone until, and how many times in a row.
    last_hold: Option<(Instant, u32)>,
    /// Looks in vain since then.
    vain_looks: (Option<Instant>, u32),
}

/// What is remembered of the roles, by number.
pub(super) struct Patience {
    roles: HashMap<usize, Past>,
    /// No role is left alone for longer.
    longest: Duration,
}

impl Patience {
    pub fn new(longest: Duration) -> Self {
        Patience { roles: HashMap::new(), longest }
    }

    /// Whether a role is left alone now.
    pub fn holds(&self, role: usize, now: Instant) -> bool {
        self.roles.get(&role).and_then(|past| past.held_until).is_some_and(|until| now < until)
    }

    /// Notes that a role was repaired. How long it is left alone, if that was once too often.
    pub fn repaired(&mut self, role: usize, now: Instant) -> Option<Duration> {
        let repairs = &mut self.roles.entry(role).or_default().repairs;
        repairs.push_back(now);
        while repairs.front().is_some_and(|time| now.duration_since(*time) > WITHIN) {
            repairs.pop_front();
        }
        if repairs.len() < OFTEN {
            return None;
        }
        repairs.clear();
        Some(self.hold(role, now))
    }

    /// Leaves a role alone that could not be repaired, and says for how long.
    pub fn hold(&mut self, role: usize, now: Instant) -> Duration {
        let past = self.roles.entry(role).or_default();
        let times = match past.last_hold {
            Some((until, times)) if now.saturating_duration_since(until) <= WITHIN => times + 1,
            _ => 0,
        };
        let pause = FIRST.saturating_mul(1 << times.min(20)).min(self.longest);
        past.last_hold = Some((now + pause, times));
        past.held_until = Some(now + pause);
        pause
    }

    /// Leaves a role alone that must not be repaired, for as long as any is.
    pub fn hold_longest(&mut self, role: usize, now: Instant) {
        self.roles.entry(role).or_default().held_until = Some(now + self.longest);
    }

    /// The roles whose time to be left alone is over: each is told once.
    pub fn released(&mut self, now: Instant) -> Vec<usize> {
        let over = |past: &mut Past| past.held_until.take_if(|until| *until <= now).is_some();
        self.roles.iter_mut().filter_map(|(role, past)| over(past).then_some(*role)).collect()
    }

    /// When the next role is released.
    pub fn next_release(&self) -> Option<Instant> {
        self.roles.values().filter_map(|past| past.held_until).min()
    }

    /// Notes that a role was looked at because of an event, and was as it should be.
    pub fn looked_in_vain(&mut self, role: usize, now: Instant) {
        let (since, count) = &mut self.roles.entry(role).or_default().vain_looks;
        if since.is_none_or(|since| now.duration_since(since) > SECOND) {
            (*since, *count) = (Some(now), 0);
        }
        *count += 1;
    }

    /// Whether events of a role are too many for a look at each.
    pub fn is_noisy(&self, role: usize, now: Instant) -> bool {
        let Some(Past { vain_looks: (Some(since), count), .. }) = self.roles.get(&role) else { return false };
        *count >= NOISY && now.duration_since(*since) <= SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_repaired_again_and_again_is_left_alone_longer_and_longer() {
        let mut patience = Patience::new(LONGEST);
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..5 * OFTEN {
            now += Duration::from_millis(100);
            if let Some(pause) = patience.repaired(1, now) {
                assert!(patience.holds(1, now + pause / 2) && !patience.holds(2, now));
                assert!(patience.released(now + pause / 2).is_empty());
                now += pause;
                assert_eq!(patience.next_release(), Some(now));
                assert_eq!(patience.released(now), [1]);
                assert!(patience.released(now).is_empty(), "told once");
                pauses.push(pause.as_secs());
            }
        }
        assert_eq!(pauses, [1, 2, 4, 5, 5], "and never longer than the longest");
        now += WITHIN * 3;
        assert_eq!(patience.hold(1, now), FIRST, "after a quiet time it begins anew");
    }

    #[test]
    fn what_drifts_now_and_then_is_repaired_each_time() {
        let mut patience = Patience::new(LONGEST);
        let start = Instant::now();
        let second = |number: u32| start + Duration::from_secs(2) * number;
        assert!((0..100).all(|number| patience.repaired(1, second(number)).is_none()));
    }

    #[test]
    fn what_is_looked_at_in_vain_all_the_time_is_noisy_for_a_while() {
        let mut patience = Patience::new(LONGEST);
        let now = Instant::now();
        (0..NOISY - 1).for_each(|_| patience.looked_in_vain(1, now));
        assert!(!patience.is_noisy(1, now));
        patience.looked_in_vain(1, now);
        assert!(patience.is_noisy(1, now));
        assert!(!patience.is_noisy(1, now + SECOND * 2));
    }
}
