//! Mount units of systemd (systemd.mount(5)).

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the units of an administrator stand.
const FOLDER: &str = "/etc/systemd/system";

/// What is there while systemd runs the machine (sd_booted(3)).
pub const RUNNING: &str = "/run/systemd/system";

/// The longest name of a unit, in bytes (systemd.unit(5)).
const LONGEST_NAME: usize = 255;

/// What the comment begins with that begins a unit of Seed's.
const MARK: &str = "# seed: ";

/// The name of the unit for a mount point, as `systemd-escape --path` makes it (systemd.unit(5)).
pub fn name(at: &Path) -> String {
    let text = at.as_os_str().as_bytes();
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return "-.mount".into();
    }
    let mut name = String::new();
    for (number, byte) in parts.join(&b'/').into_iter().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if number == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(char::from(byte)),
            other => {
                let _ = write!(name, "\\x{other:02x}");
            }
        }
    }
    name + ".mount"
}

/// Where the unit stands.
pub fn path(at: &Path) -> PathBuf {
    Path::new(FOLDER).join(name(at))
}

/// The link that has it mounted at boot, and its folder.
pub fn wanted_by(at: &Path) -> (PathBuf, PathBuf) {
    let folder = Path::new(FOLDER).join("local-fs.target.wants");
    (folder.join(name(at)), folder)
}

/// Why a value cannot stand in a unit: settings of mount units are neither quoted nor unescaped (systemd.mount(5)), end with their
/// line, go on behind a backslash at its end, and lose the blanks there (systemd.syntax(7)).
pub fn cannot_hold(value: &str) -> Option<&'static str> {
    match value {
        _ if value.contains(char::is_control) => Some("a mount unit cannot contain line breaks or other control characters"),
        _ if value.ends_with('\\') => Some("a line of a mount unit cannot end with `\\`, which continues it"),
        _ if value.ends_with(char::is_whitespace) => Some("a line of a mount unit cannot end with whitespace"),
        _ => None,
    }
}

/// Why there can be no unit for a mount point.
pub fn cannot_mount(at: &Path) -> Option<&'static str> {
    let too_long = "the name of its mount unit would be longer than 255 bytes";
    let text = at.to_str().map_or(Some("a mount unit must be UTF-8"), cannot_hold);
    text.or((name(at).len() > LONGEST_NAME).then_some(too_long))
}

/// The text of the unit; its values are such as one [can hold](cannot_hold).
pub fn text(source: &str, at: &Path, fs_type: &str, options: &[String]) -> String {
    // `%` begins a specifier (systemd.unit(5)).
    let plain = |text: &str| text.replace('%', "%%");
    let at = at.display().to_string();
    let mut text = format!("{MARK}{at}\n[Unit]\nDescription=Mount {}\n\n[Mount]\n", plain(&at));
    let _ = writeln!(text, "What={}\nWhere={}\nType={}", plain(source), plain(&at), plain(fs_type));
    if !options.is_empty() {
        let _ = writeln!(text, "Options={}", plain(&options.join(",")));
    }
    text + "\n[Install]\nWantedBy=local-fs.target\n"
}

/// Whether Seed wrote a unit.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_named_as_systemd_escape_names_them() {
        // As `systemd-escape --path --suffix=mount` prints them.
        for (at, escaped) in [
            ("/", "-.mount"),
            ("/srv/lab", "srv-lab.mount"),
            ("/srv//lab/", "srv-lab.mount"),
            ("/srv/my-lab", "srv-my\\x2dlab.mount"),
            ("/.hidden/a.b", "\\x2ehidden-a.b.mount"),
            ("/a b/ü", "a\\x20b-\\xc3\\xbc.mount"),
        ] {
            assert_eq!(name(Path::new(at)), escaped);
        }
    }

    #[test]
    fn a_unit_says_what_and_where() {
        let unit = text("UUID=0a1b", Path::new("/srv/100%"), "ext4", &["noatime".into(), "nofail".into()]);
        assert!(is_ours(&unit));
        assert!(unit.contains("\nWhat=UUID=0a1b\nWhere=/srv/100%%\nType=ext4\nOptions=noatime,nofail\n"), "{unit}");
    }
}
