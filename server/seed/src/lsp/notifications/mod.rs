//! One file for each notification of the editor. None awaits anything.

pub mod did_change;
pub mod did_change_watched_files;
pub mod did_close;
pub mod did_open;
pub mod did_save;
pub mod initialized;
pub mod progress_cancel;
