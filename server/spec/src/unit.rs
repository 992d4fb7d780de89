//! Values with units: sizes, durations, modes.

use std::fmt;

const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// An amount of bytes, written with a unit: `4 GiB`, `512 MiB`, `10 GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

impl Size {
    /// Reads a size. Binary units are `KiB MiB GiB TiB`, decimal ones `kB MB GB TB`, and `B`.
    ///
    /// # Errors
    ///
    /// Says in words what is missing or wrong; a number without a unit is refused.
    pub fn parse(text: &str) -> Result<Size, String> {
        let text = text.trim();
        let split = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..split], text[split..].trim_start());
        if number.is_empty() {
            return Err("a size is a number and a unit, such as 4 GiB".into());
        }
        if unit.is_empty() {
            return Err(format!("the unit is missing: {number} MiB, {number} GiB or {number} B?"));
        }
        let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
            let near = SIZES.iter().find(|(name, _)| {
                name.eq_ignore_ascii_case(unit) || (unit.len() == 1 && name.len() == 3 && name[..1].eq_ignore_ascii_case(unit))
            });
            return Err(match near {
                Some((name, _)) => format!("`{unit}` is not a unit of size; {number} {name}?"),
                None => format!("`{unit}` is not a unit of size; use B, KiB, MiB, GiB, TiB, kB, MB, GB or TB"),
            });
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let too_large = || format!("{text} is larger than any disk");
        let mut bytes: u128 = whole.parse::<u64>().map_err(|_| too_large()).map(u128::from)? * u128::from(*factor);
        if !fraction.is_empty() {
            if fraction.len() > 6 || fraction.contains('.') {
                return Err(format!("{number} is not a number"));
            }
            let parts: u128 = fraction.parse::<u64>().map_err(|_| format!("{number} is not a number"))?.into();
            let scaled = parts * u128::from(*factor);
            let scale = 10u128.pow(fraction.len() as u32);
            if !scaled.is_multiple_of(scale) {
                return Err(format!("{text} is not a whole number of bytes"));
            }
            bytes += scaled / scale;
        }
        match u64::try_from(bytes) {
            Ok(bytes) if bytes <= i64::MAX as u64 => Ok(Size(bytes)),
            _ => Err(too_large()),
        }
    }
}

impl fmt::Display for Size {
    /// The largest binary unit that divides it, so that reading it back gives the same bytes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            SIZES[..4].iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)).copied().unwrap_or(("B", 1));
        write!(formatter, "{} {unit}", self.0 / factor)
    }
}

/// A time in milliseconds, written with a unit: `90 s`, `5 min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub u64);

const DURATIONS: &[(&str, u64)] =
    &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Duration {
    /// Reads a duration in `ms`, `s`, `min`, `h`, `d` or `w`.
    ///
    /// # Errors
    ///
    /// Says in words what is missing or wrong.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let text = text.trim();
        let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = (&text[..split], text[split..].trim_start());
        if number.is_empty() {
            return Err("a duration is a whole number and a unit, such as 90 s".into());
        }
        if unit.is_empty() {
            return Err(format!("the unit is missing: {number} s, {number} min or {number} ms?"));
        }
        let (_, factor) = DURATIONS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| format!("`{unit}` is not a unit of time; use ms, s, min, h, d or w"))?;
        let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        milliseconds.filter(|value| *value <= i64::MAX as u64).map(Duration).ok_or_else(|| format!("{text} is too long"))
    }

    /// As the standard library counts it.
    pub fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            DURATIONS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)).copied().unwrap_or(("ms", 1));
        write!(formatter, "{} {unit}", self.0 / factor)
    }
}

/// The permission bits of a file (inode(7)), written as four octal digits: `"0640"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode(pub u32);

impl Mode {
    /// Reads three or four octal digits, with or without `0o` before them.
    ///
    /// # Errors
    ///
    /// Says in words what is wrong.
    pub fn parse(text: &str) -> Result<Mode, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if octal => Ok(Mode(bits)),
            _ => Err(format!("`{text}` is not a file mode; write three or four octal digits, such as \"0640\"")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly_and_written_back() {
        assert_eq!(Size::parse("4 GiB"), Ok(Size(4 << 30)));
        assert_eq!(Size::parse("1.5GiB"), Ok(Size(3 << 29)));
        assert_eq!(Size::parse("10 GB").map(|size| size.to_string()), Ok("9765625 KiB".into()));
        assert_eq!(Size::parse("4G"), Err("`G` is not a unit of size; 4 GiB?".into()));
        assert_eq!(Size::parse("512"), Err("the unit is missing: 512 MiB, 512 GiB or 512 B?".into()));
        assert!(Size::parse("99999999999 TiB").is_err());
        for bytes in [0, 1, 512, 1 << 20, 5 << 30, 3_000_000] {
            assert_eq!(Size::parse(&Size(bytes).to_string()), Ok(Size(bytes)));
        }
    }

    #[test]
    fn durations_and_modes_round_trip() {
        assert_eq!(Duration::parse("90 s").map(|time| time.to_string()), Ok("90 s".into()));
        assert_eq!(Duration::parse("120 s").map(|time| time.to_string()), Ok("2 min".into()));
        assert_eq!(Mode::parse("644"), Ok(Mode(0o644)));
        assert_eq!(Mode::parse("0o4755").map(|mode| mode.to_string()), Ok("4755".into()));
        assert!(Mode::parse("0888").is_err());
    }
}
