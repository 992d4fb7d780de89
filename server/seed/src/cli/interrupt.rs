//! Ctrl-C: the first asks for an end at the next safe point, the second ends at once.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use seed_role::Trouble;

/// Set when the user asked for an end.
pub static STOP: AtomicBool = AtomicBool::new(false);
/// The signal by which that was asked, 0 for none.
static ASKED_BY: AtomicI32 = AtomicI32::new(0);
/// Who waits for something is woken by this; -1 if nobody does.
static WAKE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(signal: i32) {
    ASKED_BY.store(signal, Ordering::Relaxed);
    STOP.store(true, Ordering::Relaxed);
    let wake = WAKE.load(Ordering::Relaxed);
    if wake >= 0 {
        let one = 1u64.to_ne_bytes();
        // SAFETY: write(2) is async-signal-safe, the buffer is valid, and the descriptor is open until the process
        // ends. It fails only when the counter is full, and then it is readable already.
        unsafe { libc::write(wake, one.as_ptr().cast(), one.len()) };
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP set [`STOP`]; a second one does what it does by default.
pub fn listen() {
    let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESETHAND | SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores to atomics and writes, which is async-signal-safe (signal-safety(7)).
        // It cannot fail for these signals (sigaction(2)).
        let _ = unsafe { sigaction(signal, &action) };
    }
}

/// What becomes readable when [`STOP`] is set.
///
/// # Errors
///
/// When the system has no more file descriptors.
pub fn wake() -> Result<BorrowedFd<'static>, Trouble> {
    static EVENTS: OnceLock<OwnedFd> = OnceLock::new();
    let events = match EVENTS.get() {
        Some(events) => events,
        None => {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let events = EventFd::from_value_and_flags(u32::from(STOP.load(Ordering::Relaxed)), flags)
                .map_err(|errno| Trouble::from_errno("listen to signals", errno))?;
            EVENTS.get_or_init(|| events.into())
        }
    };
    WAKE.store(events.as_raw_fd(), Ordering::Relaxed);
    Ok(events.as_fd())
}

/// Does some work, and says once when an end is asked for meanwhile.
pub fn while_telling<T>(tell: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    // Without descriptors to wait with nothing is said; the end comes all the same.
    let (Ok(wake), Ok(over)) = (wake(), EventFd::from_flags(EfdFlags::EFD_CLOEXEC)) else { return work() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let mut ready = [PollFd::new(over.as_fd(), PollFlags::POLLIN), PollFd::new(wake, PollFlags::POLLIN)];
                match poll(&mut ready, PollTimeout::NONE) {
                    Err(nix::errno::Errno::EINTR) => {}
                    Ok(_) if ready[0].any() == Some(false) => return tell(),
                    _ => return,
                }
            }
        });
        // Also where the work panics, the thread is to end.
        let _over = Over(&over);
        work()
    })
}

/// Says that the work is over.
struct Over<'a>(&'a EventFd);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let _ = self.0.write(1);
    }
}

/// Whether the end was asked for by Ctrl-C, so that the one who did sits there.
pub fn was_ctrl_c() -> bool {
    ASKED_BY.load(Ordering::Relaxed) == Signal::SIGINT as i32
}

/// Whether the end was asked for by SIGTERM, as a service manager does in the ordinary course of things.
pub fn was_termination() -> bool {
    ASKED_BY.load(Ordering::Relaxed) == Signal::SIGTERM as i32
}
