//! What the system says, with what to do about it here.

use nix::errno::Errno;
use seed_role::Trouble;
use seed_role::trouble::Kind;

/// As [`Trouble::from_errno`]. Who may not write here is no better off with `seed apply`, and may be root already.
pub(crate) fn from_errno(attempted: impl Into<String>, errno: Errno) -> Trouble {
    let mut trouble = Trouble::from_errno(attempted, errno);
    if trouble.kind == Kind::NotPermitted {
        let hint = match nix::unistd::geteuid().is_root() {
            true => "not even root may: it is perhaps immutable, see lsattr and chattr -i",
            false => "see with ls -ld to whom it and its folder belong, and who may write there",
        };
        trouble.hint = Some(hint.into());
    }
    trouble
}

/// As [`Trouble::from_io`], with the hints of [`from_errno`].
pub(crate) fn from_io(attempted: impl Into<String>, error: &std::io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(number) => from_errno(attempted, Errno::from_raw(number)),
        None => Trouble::new(attempted, error.to_string()),
    }
}
