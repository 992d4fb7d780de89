//! `seed new`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::project::LONGEST;
use seed_fragment::skeleton::{self, Skeleton};
use seed_fragment::{kept, root_of};
use seed_role::Trouble;
use seed_role::host::folder::Folder;
use seed_role::host::{FileKind, temporary_of};
use seed_spec::SPEC_ENDINGS;
use seed_spec::analysis::ROLES;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style};

/// Create a spec, composite role, collection or fragment from a skeleton.
///
/// In a skeleton, `{{ instance }}` stands for the name. A project can have its own skeletons in `fragments/meta/spec/`, `role/`,
/// `collection/` and `fragment/`; `seed new meta` writes those that come with Seed there. The lines of a skeleton between
/// `seed:begin meta/…` and `seed:end` are a fragment: `seed fragment update` updates them in the files written from the skeleton, and the
/// role type `meta.template` does so for all roles of a folder.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A spec: a Btrfs volume in one file
    Spec {
        /// The name of the spec; the file is NAME.seed.yaml
        name: String,
    },
    /// A composite role: a folder with a note in it
    Role {
        /// The name of the role; its folder is roles/NAME
        name: String,
    },
    /// A collection: roles and fragments to share
    Collection {
        /// The name of the collection; its folder is collections/NAME
        name: String,
    },
    /// A fragment: a snippet that is kept identical in many files
    Fragment {
        /// The name of the fragment; its file is fragments/NAME
        name: String,
    },
    /// The skeletons themselves, to change them
    Meta,
}

/// Something new, before it is written.
struct New {
    /// A folder of its own, or the one that its files go to.
    folder: PathBuf,
    is_own: bool,
    /// Relative to the folder.
    files: Vec<(PathBuf, String)>,
    attempted: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let (name, what, folder) = match &args.what {
        What::Spec { name } => {
            // Who names the file means the same spec.
            let name = SPEC_ENDINGS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            (name, "spec", PathBuf::from("."))
        }
        What::Role { name } => (&**name, "role", Path::new(ROLES).join(name)),
        What::Collection { name } => (&**name, "collection", Path::new("collections").join(name)),
        What::Fragment { name } => (&**name, "fragment", PathBuf::from("fragments")),
        What::Meta => return new_meta(global),
    };
    let attempted = format!("write the {what} {name}");
    let is_own = matches!(what, "role" | "collection");
    check(name, what, is_own).map_err(|said| Trouble::new(attempted.clone(), said))?;
    let root = root_of(Path::new("."))?;
    let files = Skeleton::of_project(&root, what)?.render(name).map_err(|said| Trouble::new(attempted.clone(), said))?;
    let new = New { folder, is_own, files, attempted };
    let is_new = new.write()?;
    let note = new.keep_in_step(&root, name);
    new.tell(is_new, &next(what, name), global)?;
    if let Some(note) = note {
        writeln!(output::stderr(), "{note}")?;
    }
    Ok(Exit::Ok)
}

/// Writes the skeletons that come with Seed.
fn new_meta(global: &Global) -> Result {
    let file = |what: &str, (path, text): &(&str, &str)| (Path::new(what).join(path), (*text).to_string());
    let files = skeleton::built_in().flat_map(|(what, files)| files.iter().map(move |one| file(what, one))).collect();
    let folder = PathBuf::from(skeleton::FOLDER);
    let new = New { folder, is_own: true, files, attempted: "write the skeletons".into() };
    let is_new = new.write()?;
    new.tell(is_new, "edit them, and delete those that you do not change", global)?;
    Ok(Exit::Ok)
}

fn check(name: &str, what: &str, is_own: bool) -> std::result::Result<(), String> {
    let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    if !fits || !seed_fragment::marker::is_name(name) {
        return Err("a name consists of lower-case letters, digits, `-`, `_` and `.`, and begins with a letter or digit".into());
    }
    if is_own && name.contains('.') {
        return Err(format!("the name of a {what} cannot contain a dot"));
    }
    if is_own && seed_collections::catalog().is_collection(name) {
        return Err(format!("`{name}` is the name of a built-in collection"));
    }
    Ok(())
}

fn next(what: &str, name: &str) -> String {
    match what {
        "spec" => format!("seed plan {name}.seed.yaml"),
        "role" => format!("write `is: {name}` and `home: …` in a spec"),
        "collection" => format!("seed check collections/{name}"),
        _ => format!("seed fragment add {name} FILE"),
    }
}

/// Whether a file in a folder holds just this text.
fn holds(folder: &Folder, name: &OsStr, text: &str) -> std::result::Result<bool, Trouble> {
    let there = if folder.kind(name) == Some(FileKind::File) { folder.read(name, LONGEST)? } else { None };
    Ok(there.is_some_and(|there| there == text.as_bytes()))
}

impl New {
    /// Writes all of it, or nothing, and over nothing. What is there just as it would be written counts as written: a run that was
    /// interrupted may have left it. Tells whether anything was missing.
    fn write(&self) -> std::result::Result<bool, Trouble> {
        let exists = |path: &Path| {
            Trouble::new(self.attempted.clone(), format!("{} already exists", path.display())).hint("choose another name")
        };
        if !self.is_own {
            let mut done: Vec<(Folder, &OsStr)> = Vec::new();
            for (path, text) in &self.files {
                let place = self.folder.join(path);
                let written = Folder::made(place.parent().unwrap_or(Path::new("."))).and_then(|folder| {
                    let name = path.file_name().unwrap_or_default();
                    let is_new = folder.write_new(name, text.as_bytes(), 0o666)?;
                    match is_new || holds(&folder, name, text)? {
                        true => Ok(is_new.then_some((folder, name))),
                        false => Err(exists(&place)),
                    }
                });
                match written {
                    Ok(one) => done.extend(one),
                    Err(trouble) => {
                        done.iter().for_each(|(folder, name)| drop(folder.remove(name)));
                        return Err(trouble);
                    }
                }
            }
            return Ok(!done.is_empty());
        }
        let above = Folder::made(self.folder.parent().unwrap_or(Path::new(".")))?;
        let name = self.folder.file_name().unwrap_or_default();
        match above.kind(name) {
            Some(FileKind::Directory) if self.is_written(&above.make(name)?)? => return Ok(false),
            Some(_) => return Err(exists(&self.folder)),
            None => {}
        }
        let beside = temporary_of(Path::new(name));
        let written = self.write_to(&above, &beside).and_then(|()| above.rename_new(&beside, name));
        if !matches!(written, Ok(true)) {
            // What is half written goes; that this fails as well tells no more than the first error.
            let _ = above.remove_tree(&beside);
        }
        above.sync()?;
        if written? { Ok(true) } else { Err(exists(&self.folder)) }
    }

    /// Whether a folder holds just what would be written to it.
    fn is_written(&self, top: &Folder) -> std::result::Result<bool, Trouble> {
        for (path, text) in &self.files {
            let folder = top.find(path.parent().unwrap_or(Path::new("")))?;
            let name = path.file_name().unwrap_or_default();
            if !folder.map_or(Ok(false), |folder| holds(&folder, name, text))? {
                return Ok(false);
            }
        }
        let mut open = vec![PathBuf::new()];
        while let Some(below) = open.pop() {
            let Some(folder) = top.find(&below)? else { return Ok(false) };
            for name in folder.names()? {
                let path = below.join(&name);
                let leads_to_file = self.files.iter().any(|(file, _)| file.starts_with(&path));
                match folder.kind(&name) {
                    _ if !leads_to_file => return Ok(false),
                    Some(FileKind::Directory) => open.push(path),
                    _ => {}
                }
            }
        }
        Ok(true)
    }

    fn write_to(&self, above: &Folder, beside: &Path) -> std::result::Result<(), Trouble> {
        // What an interrupted run left.
        above.remove_tree(beside)?;
        let top = above.make(beside)?;
        for (path, text) in &self.files {
            let folder = top.make_all(path.parent().unwrap_or(Path::new("")))?;
            folder.write_over(path.file_name().unwrap_or_default(), text.as_bytes(), true)?;
        }
        Ok(())
    }

    /// Notes what was rendered, so that later changes of the skeleton can be merged. The words tell why that was not possible.
    fn keep_in_step(&self, root: &Path, name: &str) -> Option<String> {
        let parted = self.files.iter().filter(|(_, text)| !kept::parts(text, name).is_empty());
        let paths: Vec<PathBuf> = parted.map(|(path, _)| self.folder.join(path)).collect();
        if paths.is_empty() {
            return None;
        }
        seed_fragment::update(root, &paths).err().map(|trouble| format!("{trouble}; seed fragment update does it later"))
    }

    /// Tells what was written, and what comes next.
    fn tell(&self, is_new: bool, next: &str, global: &Global) -> std::io::Result<()> {
        let (bold, told) = (style::NAME, self.told());
        if global.json {
            let path = |(path, _): &(PathBuf, String)| self.folder.join(path).display().to_string();
            let written: Vec<String> = self.files.iter().map(path).map(|path| path.trim_start_matches("./").to_owned()).collect();
            return writeln!(output::stdout(), "{}", json!({ "written": written, "next": next }));
        }
        if is_new {
            return writeln!(output::stdout(), "Wrote {bold}{told}{bold:#}. Next: {next}");
        }
        writeln!(output::stdout(), "{bold}{told}{bold:#} is there already, just as it would be written. Next: {next}")
    }

    fn told(&self) -> String {
        match self.files.as_slice() {
            [(path, _)] if !self.is_own => self.folder.join(path).display().to_string().trim_start_matches("./").to_string(),
            _ => self.folder.display().to_string(),
        }
    }
}
