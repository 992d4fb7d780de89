//! `qemu-img` on the simulated machine: qcow2 images (QEMU's `docs/interop/qcow2.txt`).

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::programs::{Said, spoken};
use crate::host::refusal::Refusal;

const MAGIC: &[u8; 4] = b"QFI\xFB";
const CLUSTER: u64 = 1 << 16;
/// The header extension that names the format of the backing file.
const BACKING_FORMAT: u32 = 0xE279_2ACA;

/// What the header tells.
struct Header {
    size: u64,
    backing: Option<String>,
    backing_format: Option<String>,
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn small(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn parse(head: &[u8]) -> Option<Header> {
    if !head.starts_with(MAGIC) {
        return None;
    }
    let text = |at: usize, len: usize| Some(String::from_utf8_lossy(head.get(at..at + len)?).into_owned());
    let backing = match number(head, 8) {
        0 => None,
        at => text(usize::try_from(at).ok()?, small(head, 16) as usize),
    };
    let mut at = small(head, 100).max(72) as usize;
    let mut backing_format = None;
    while small(head, at) != 0 {
        let len = small(head, at + 4) as usize;
        if small(head, at) == BACKING_FORMAT {
            backing_format = text(at + 8, len);
        }
        at += 8 + len.div_ceil(8) * 8;
    }
    Some(Header { size: number(head, 24), backing, backing_format })
}

/// An empty image.
fn image(size: u64, backing: Option<(&str, &str)>) -> Vec<u8> {
    let tables = size.div_ceil(CLUSTER * (CLUSTER / 8)).max(1);
    let mut header = Vec::new();
    let mut put = |bytes: &[u8]| header.extend_from_slice(bytes);
    let format = backing.map(|(_, format)| format.as_bytes()).unwrap_or_default();
    let behind = 112 + if format.is_empty() { 0 } else { 8 + format.len().div_ceil(8) * 8 } + 8;
    let name = backing.map(|(name, _)| name.as_bytes()).unwrap_or_default();
    put(MAGIC);
    put(&3_u32.to_be_bytes());
    put(&if name.is_empty() { 0 } else { behind as u64 }.to_be_bytes());
    put(&(name.len() as u32).to_be_bytes());
    put(&16_u32.to_be_bytes());
    put(&size.to_be_bytes());
    put(&0_u32.to_be_bytes());
    put(&(tables as u32).to_be_bytes());
    put(&(3 * CLUSTER).to_be_bytes());
    put(&CLUSTER.to_be_bytes());
    put(&1_u32.to_be_bytes());
    put(&[0; 12]);
    put(&[0; 24]);
    put(&4_u32.to_be_bytes());
    put(&112_u32.to_be_bytes());
    put(&[0; 8]);
    if !format.is_empty() {
        put(&BACKING_FORMAT.to_be_bytes());
        put(&(format.len() as u32).to_be_bytes());
        put(format);
        put(&vec![0; format.len().div_ceil(8) * 8 - format.len()]);
    }
    put(&[0; 8]);
    put(name);
    // The table of reference counts points to its one block.
    header.resize(CLUSTER as usize, 0);
    header.extend_from_slice(&(2 * CLUSTER).to_be_bytes());
    header.resize(2 * CLUSTER as usize, 0);
    header.extend_from_slice(&[0, 1, 0, 1, 0, 1, 0, 1]);
    header.resize(4 * CLUSTER as usize, 0);
    header
}

/// A size as qemu-img takes it: bytes, or with one of `KMGTPE` behind.
fn parse_size(text: &str) -> Said<u64> {
    let wrong = || format!("Invalid image size specified: {text}");
    let (digits, shift) = match text.find(|letter: char| !letter.is_ascii_digit()) {
        None => (text, 0),
        Some(at) => {
            let unit = text[at..].chars().next().map(|unit| unit.to_ascii_uppercase());
            let power = unit.and_then(|unit| "BKMGTPE".find(unit)).filter(|_| text.len() == at + 1).ok_or_else(wrong)?;
            (&text[..at], power * 10)
        }
    };
    digits.parse::<u64>().ok().and_then(|size| size.checked_mul(1 << shift)).ok_or_else(wrong)
}

fn told(path: &str) -> impl Fn(Refusal) -> String + '_ {
    move |refusal| format!("Could not open '{path}': {}", spoken(refusal))
}

impl Machine {
    pub fn qemu_img(&mut self, args: &[String]) -> Said<String> {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        let (mut format, mut base, mut base_format, mut rest, mut shrink) = (None, None, None, Vec::new(), false);
        let (command, mut left) = match words.split_first() {
            Some((command, left)) => (*command, left.iter().copied()),
            None => return Err("Not enough arguments".into()),
        };
        while let Some(word) = left.next() {
            let mut value = || left.next().ok_or_else(|| format!("option requires an argument -- '{word}'"));
            match word {
                "-f" => format = Some(value()?),
                "-b" => base = Some(value()?),
                "-F" => base_format = Some(value()?),
                "-o" => drop(value()?),
                "--shrink" => shrink = true,
                "-q" | "--output=json" | "-U" | "-u" => {}
                word if word.starts_with('-') => return Err(format!("unrecognized option '{word}'")),
                word => rest.push(word),
            }
        }
        let path = *rest.first().ok_or("Expecting image file name")?;
        match command {
            "create" => {
                let size = rest.get(1).map(|text| parse_size(text)).transpose()?;
                self.create_image(path, format.unwrap_or("raw"), size, base, base_format)
            }
            "info" => self.image_info(path),
            "resize" => {
                let size = parse_size(rest.get(1).ok_or("Expecting image size")?)?;
                self.resize_image(path, format, size, shrink)
            }
            _ => Err(format!("Command not found: {command}")),
        }
    }

    fn create_image(
        &mut self,
        path: &str,
        format: &str,
        size: Option<u64>,
        base: Option<&str>,
        base_format: Option<&str>,
    ) -> Said<String> {
        let mut size = size;
        if let Some(base) = base {
            let base_format = base_format.ok_or("backing file specified without backing format")?;
            let found = Path::new(path).parent().unwrap_or(Path::new("/")).join(base);
            let of_base = self.virtual_size(&found, base_format)?;
            size = size.or(Some(of_base));
        }
        let size = size.ok_or_else(|| format!("{path}: Image creation needs a size parameter"))?;
        let bytes = match format {
            "qcow2" => image(size, base.zip(base_format)),
            "raw" => Vec::new(),
            _ => return Err(format!("Unknown file format '{format}'")),
        };
        self.write_file(Path::new(path), &bytes, 0o644, None).map_err(told(path))?;
        if format == "raw" {
            self.set_len(Path::new(path), size, false).map_err(told(path))?;
        }
        Ok(String::new())
    }

    fn head(&self, path: &Path) -> Said<Vec<u8>> {
        self.read_at(path, 0, 4096).map_err(told(&path.display().to_string()))
    }

    fn virtual_size(&self, path: &Path, format: &str) -> Said<u64> {
        let head = self.head(path)?;
        match (format, parse(&head)) {
            ("qcow2", Some(header)) => Ok(header.size),
            ("qcow2", None) => Err(format!("Could not open '{}': Image is not in qcow2 format", path.display())),
            _ => Ok(self.size_of(path).map_err(told(&path.display().to_string()))?.unwrap_or(0)),
        }
    }

    fn image_info(&self, path: &str) -> Said<String> {
        let file = Path::new(path);
        let head = self.head(file)?;
        let metadata = self.metadata(file).map_err(told(path))?.ok_or("gone")?;
        let header = parse(&head);
        let mut info = serde_json::json!({
            "filename": path,
            "format": if header.is_some() { "qcow2" } else { "raw" },
            "virtual-size": header.as_ref().map_or(metadata.len, |header| header.size),
            "actual-size": metadata.allocated,
            "dirty-flag": false,
        });
        if let Some(header) = header {
            info["cluster-size"] = CLUSTER.into();
            if let Some(base) = header.backing {
                let full: PathBuf = file.parent().unwrap_or(Path::new("/")).join(&base);
                info["full-backing-filename"] = full.display().to_string().into();
                info["backing-filename"] = base.into();
            }
            if let Some(format) = header.backing_format {
                info["backing-filename-format"] = format.into();
            }
        }
        serde_json::to_string_pretty(&info).map_err(|error| error.to_string())
    }

    fn resize_image(&mut self, path: &str, format: Option<&str>, size: u64, shrink: bool) -> Said<String> {
        let file = Path::new(path);
        let head = self.head(file)?;
        let header = parse(&head).filter(|_| format != Some("raw"));
        let before = match &header {
            Some(header) => header.size,
            None if format == Some("qcow2") => return Err(format!("Could not open '{path}': Image is not in qcow2 format")),
            None => self.size_of(file).map_err(told(path))?.unwrap_or(0),
        };
        if size < before && !shrink {
            return Err("Use the --shrink option to perform a shrink operation.".into());
        }
        if header.is_some() {
            self.write_at(file, 24, &size.to_be_bytes()).map_err(told(path))?;
        } else {
            self.set_len(file, size, false).map_err(told(path))?;
        }
        Ok(String::new())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = parse(&image(5 << 30, Some(("base.img", "raw")))).unwrap();
        assert_eq!(header.size, 5 << 30);
        assert_eq!(header.backing.as_deref(), Some("base.img"));
        assert_eq!(header.backing_format.as_deref(), Some("raw"));
        assert!(parse(&image(1, None)).unwrap().backing.is_none());
        assert!(parse(b"no image").is_none());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("1024"), Ok(1024));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert!(parse_size("2X").is_err() && parse_size("").is_err() && parse_size("1GiB").is_err());
    }
}
