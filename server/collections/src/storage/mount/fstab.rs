//! Entries of /etc/fstab (fstab(5)): found, added and removed with the rest of the file kept to the byte.

use std::ops::Range;
use std::path::Path;

/// Where the entries stand.
pub const PATH: &str = "/etc/fstab";

/// What the comment begins with that stands before an entry of Seed's; the mount point follows.
const MARK: &str = "# seed: ";

/// What follows the mount point in that comment when there was no file before.
const NEW_FILE: &str = " (Seed created this file)";

/// A field as fstab(5) has it: blanks and backslashes as octal numbers.
pub fn escape(field: &str) -> String {
    let mut escaped = String::with_capacity(field.len());
    for one in field.chars() {
        match one {
            ' ' => escaped.push_str("\\040"),
            '\t' => escaped.push_str("\\011"),
            '\n' => escaped.push_str("\\012"),
            '\\' => escaped.push_str("\\134"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An entry. What fsck(8) is to check at boot has a last field of 2: ext4, and vfat.
pub fn entry(source: &str, at: &Path, fs_type: &str, options: &[String]) -> String {
    let options = if options.is_empty() { "defaults".to_string() } else { options.join(",") };
    let pass = if matches!(fs_type, "ext2" | "ext3" | "ext4" | "vfat") { 2 } else { 0 };
    format!("{} {} {fs_type} {} 0 {pass}", escape(source), escape(&at.display().to_string()), escape(&options))
}

/// An entry for a mount point.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The line, without its end.
    pub line: String,
    /// Whether Seed wrote it.
    pub is_ours: bool,
    /// Where the line stands, without its end; with the comment before it if it is Seed's.
    place: Range<usize>,
    is_new_file: bool,
}

/// The entry for a mount point: Seed's own before another's.
pub fn find(file: &[u8], at: &Path) -> Option<Found> {
    let escaped = escape(&at.display().to_string());
    let marks = [format!("{MARK}{escaped}"), format!("{MARK}{escaped}{NEW_FILE}")];
    let (mut start, mut mark_at, mut other) = (0, None, None);
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let place = start..start + bare.len();
        start += line.len();
        if let Some(number) = marks.iter().position(|mark| mark.as_bytes() == bare) {
            mark_at = Some((place.start, number == 1));
            continue;
        }
        let point = bare.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty()).nth(1);
        let is_for_it = !bare.starts_with(b"#") && point == Some(escaped.as_bytes());
        let line = || String::from_utf8_lossy(bare).into_owned();
        match mark_at.take().filter(|_| is_for_it) {
            Some((from, is_new_file)) => {
                return Some(Found { line: line(), is_ours: true, place: from..place.end, is_new_file });
            }
            None if is_for_it && other.is_none() => {
                other = Some(Found { line: line(), is_ours: false, place, is_new_file: false });
            }
            None => {}
        }
    }
    other
}

/// The file with this entry for a mount point: in place of one that is there, or at the end.
pub fn with(file: Option<&[u8]>, at: &Path, entry: &str) -> Vec<u8> {
    let bytes = file.unwrap_or_default();
    let mark = |is_new: bool| format!("{MARK}{}{}", escape(&at.display().to_string()), if is_new { NEW_FILE } else { "" });
    if let Some(found) = find(bytes, at) {
        let text = if found.is_ours { format!("{}\n{entry}", mark(found.is_new_file)) } else { entry.to_string() };
        return [&bytes[..found.place.start], text.as_bytes(), &bytes[found.place.end..]].concat();
    }
    // A file whose last line has no end stays so, and tells by it how to take the entry out again.
    let (before, after) = if bytes.is_empty() || bytes.ends_with(b"\n") { ("", "\n") } else { ("\n", "") };
    let text = format!("{before}{}\n{entry}{after}", mark(file.is_none()));
    [bytes, text.as_bytes()].concat()
}

/// The file without Seed's entry for a mount point; none if nothing is left of a file that was not there before.
pub fn without(file: &[u8], at: &Path) -> Option<Vec<u8>> {
    let Some(found) = find(file, at).filter(|found| found.is_ours) else { return Some(file.to_vec()) };
    let (mut start, mut end) = (found.place.start, found.place.end);
    if file.get(end) == Some(&b'\n') {
        end += 1;
    } else {
        start = start.saturating_sub(1);
    }
    let rest = [&file[..start], &file[end..]].concat();
    (!rest.is_empty() || !found.is_new_file).then_some(rest)
}

/// Why a value cannot be a field. A line break could be escaped; but what is made of an entry at boot is a mount unit, which cannot
/// hold one (systemd-fstab-generator(8)).
pub fn cannot_hold(value: &str) -> Option<&'static str> {
    value.contains(char::is_control).then_some("/etc/fstab cannot contain line breaks or other control characters")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const AT: &str = "/srv/my lab";

    fn line() -> String {
        entry("UUID=0a1b", Path::new(AT), "ext4", &["noatime".into(), "nofail".into()])
    }

    #[test]
    fn an_entry_escapes_blanks() {
        assert_eq!(line(), r"UUID=0a1b /srv/my\040lab ext4 noatime,nofail 0 2");
        assert_eq!(entry("/dev/sda1", Path::new("/a"), "xfs", &[]), "/dev/sda1 /a xfs defaults 0 0");
    }

    #[test]
    fn an_entry_comes_and_goes_and_the_rest_stays_to_the_byte() {
        let files: [Option<&[u8]>; 6] = [
            None,
            Some(b""),
            Some(b"# comment\n\n/dev/vda / ext4 defaults 0 1\n"),
            Some(b"/dev/vda / ext4 defaults 0 1"),
            Some(b"\xff\xfe bytes\n/dev/vda\t/\text4\tdefaults 0 1\r\n\n\n"),
            Some(b"\n"),
        ];
        for file in files {
            let added = with(file, Path::new(AT), &line());
            let found = find(&added, Path::new(AT)).unwrap();
            assert_eq!((found.line.as_str(), found.is_ours), (line().as_str(), true));
            assert_eq!(with(Some(&added), Path::new(AT), &line()), added, "adding it again changes nothing");
            let changed = with(Some(&added), Path::new(AT), "other /srv/my\\040lab xfs defaults 0 0");
            assert_eq!(with(Some(&changed), Path::new(AT), &line()), added);
            assert_eq!(without(&added, Path::new(AT)).as_deref(), file);
        }
    }

    #[test]
    fn two_entries_of_a_new_file_go_one_after_the_other() {
        let first = with(None, Path::new("/a"), "x /a ext4 defaults 0 2");
        let both = with(Some(&first), Path::new("/b"), "y /b ext4 defaults 0 2");
        assert_eq!(without(&both, Path::new("/b")).as_deref(), Some(&first[..]));
        assert_eq!(without(&first, Path::new("/a")), None);
    }

    #[test]
    fn an_entry_of_another_is_changed_where_it_stands_and_never_removed() {
        let file = b"/dev/vda / ext4 defaults 0 1\n/dev/vdb  /data ext4 defaults 0 2 \n/dev/vdc /c ext4 defaults 0 2\n";
        let found = find(file, Path::new("/data")).unwrap();
        assert!(!found.is_ours);
        let changed = with(Some(file), Path::new("/data"), "/dev/vdb /data ext4 noatime 0 2");
        assert_eq!(find(&changed, Path::new("/data")).unwrap().line, "/dev/vdb /data ext4 noatime 0 2");
        assert_eq!(with(Some(&changed), Path::new("/data"), &found.line), file);
        assert_eq!(without(file, Path::new("/data")).as_deref(), Some(&file[..]));
    }
}
