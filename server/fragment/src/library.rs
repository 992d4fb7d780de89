//! Where fragments come from: the project's `fragments/`, those of its roles, and those of its collections.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use seed_collection::{Cache, Lock, Pin, Source};
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::Result;
use seed_spec::nearest::nearest;

use crate::place;
use crate::skeleton;
use crate::template::Fragment;

/// The greatest fragment, in bytes.
const LARGEST: u64 = 1 << 20;

/// The most names that a message lists.
const SHOWN: usize = 12;

/// A folder of fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The role or collection that it belongs to; none for the project's own.
    pub owner: Option<String>,
    /// The folder.
    pub folder: PathBuf,
    /// What no fragment of it may lead out of: the project, or the collection.
    pub home: PathBuf,
}

/// The fragments of a project. Each is read once.
#[derive(Debug, Default)]
pub struct Library {
    shelves: Vec<Shelf>,
    /// The project, whose skeletons have parts that are fragments too, and whose lock pins collections.
    root: Option<PathBuf>,
    read: Mutex<HashMap<String, Found>>,
}

type Found = Result<Option<Arc<Fragment>>>;

impl Library {
    /// Those of the project at a folder: `fragments/`, and as `OWNER/NAME` those in `roles/OWNER/fragments/`,
    /// `collections/OWNER/fragments/`, and of the collections that its `seed.lock` pins and that were fetched.
    pub fn of(root: &Path) -> Library {
        let mut shelves = vec![Shelf { owner: None, folder: root.join("fragments"), home: root.to_path_buf() }];
        for kind in ["roles", "collections"] {
            let owners = root.join(kind);
            for name in names_in(&owners) {
                let owner = Some(name.to_string_lossy().into_owned());
                shelves.push(Shelf { owner, folder: owners.join(name).join("fragments"), home: root.to_path_buf() });
            }
        }
        Library { root: Some(root.to_path_buf()), ..Library::new(shelves) }
    }

    /// Those in these folders.
    pub fn new(shelves: Vec<Shelf>) -> Library {
        Library { shelves, ..Library::default() }
    }

    /// These fragments and no others, by name.
    pub fn holding(fragments: impl IntoIterator<Item = (String, Fragment)>) -> Library {
        let read = fragments.into_iter().map(|(name, fragment)| (name, Ok(Some(Arc::new(fragment)))));
        Library { read: Mutex::new(read.collect()), ..Library::default() }
    }

    /// The names of all fragments, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let pinned = self.pins().into_iter().filter_map(|pin| self.pinned(&pin).ok());
        for shelf in self.shelves.iter().cloned().chain(pinned) {
            for entry in names_in(&shelf.folder) {
                let file = entry.to_string_lossy().into_owned();
                let name = file.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(&file).to_string();
                if shelf.folder.join(&entry).is_file() && crate::marker::is_name(&name) {
                    names.push(match &shelf.owner {
                        Some(owner) => format!("{owner}/{name}"),
                        None => name,
                    });
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// Which fragments there are, for one who asks for another.
    pub(crate) fn words_of_names(&self, asked: &str) -> String {
        let names = self.names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return "fragments are files in fragments/".into();
        }
        let meant = nearest(asked, names.iter().copied()).map(|name| format!("; did you mean `{name}`?"));
        let (shown, rest) = names.split_at(names.len().min(SHOWN));
        let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("there is {}{rest}{}", shown.join(", "), meant.unwrap_or_default())
    }

    /// The fragment of that name; none if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is no fragment, or two files are meant by the name.
    pub fn get(&self, name: &str) -> Found {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = read.get(name) {
            return found.clone();
        }
        let found = self.find(name);
        read.insert(name.to_string(), found.clone());
        found
    }

    /// The collections that the project pins.
    fn pins(&self) -> Vec<Pin> {
        // A lock that cannot be read is told where a spec is looked at.
        self.root.as_deref().and_then(|root| Lock::read(root).ok()).map(|lock| lock.pins).unwrap_or_default()
    }

    /// The fragments of a collection that the project pins.
    fn pinned(&self, pin: &Pin) -> Result<Shelf> {
        let attempted = || format!("use the fragments of the collection `{}`", pin.name);
        let root = self.root.as_deref().unwrap_or(Path::new("."));
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let source = Source::read(&pin.git, root, home.as_deref()).map_err(|said| Trouble::new(attempted(), said))?;
        let folder = Cache::of_user().look(&source, pin);
        let folder = folder.map_err(|problem| Trouble::new(attempted(), problem.message).hint(problem.help))?;
        Ok(Shelf { owner: Some(pin.name.clone()), folder: folder.join("fragments"), home: folder })
    }

    fn find(&self, name: &str) -> Found {
        let (owner, file) = match name.split_once('/') {
            Some((owner, file)) => (Some(owner), file),
            None => (None, name),
        };
        let mut files = Vec::new();
        let mut shelves: Vec<Shelf> = self.shelves.iter().filter(|shelf| shelf.owner.as_deref() == owner).cloned().collect();
        if shelves.is_empty()
            && let Some(pin) = self.pins().iter().find(|pin| Some(pin.name.as_str()) == owner)
        {
            shelves.push(self.pinned(pin)?);
        }
        for shelf in &shelves {
            let exact = shelf.folder.join(file);
            if exact.is_file() {
                files = vec![(exact, &shelf.home)];
                break;
            }
            // `ssh-base.conf` is the fragment `ssh-base`, with what an editor needs to know its language.
            for entry in names_in(&shelf.folder) {
                let has_name = entry.to_string_lossy().split('.').next() == Some(file);
                let path = shelf.folder.join(entry);
                if has_name && path.is_file() {
                    files.push((path, &shelf.home));
                }
            }
        }
        let attempted = || format!("find the fragment `{name}`");
        files.sort();
        match files.as_slice() {
            [] => match self.root.as_deref().filter(|_| owner == Some(skeleton::OWNER)) {
                Some(root) => Ok(skeleton::part(root, name)?.map(Arc::new)),
                None => Ok(None),
            },
            [(path, home)] => {
                // What a project shows of a fragment is what its files hold, and not what a link leads to.
                let home = folder::real(home)?;
                let below = place::inside(&home, path)?;
                let bytes = crate::folders::open(&home)?.read(below, LARGEST)?;
                let gone = || Trouble::new(attempted(), format!("{} was removed", path.display()));
                Fragment::read(name, path, &bytes.ok_or_else(gone)?).map(|fragment| Some(Arc::new(fragment)))
            }
            [(one, _), (other, _), ..] => {
                let both = format!("it may be {} or {}", one.display(), other.display());
                Err(Trouble::new(attempted(), both).hint("rename one of them, or write the name with its extension"))
            }
        }
    }
}

/// What is in a folder of fragments; nothing where it cannot be looked into.
fn names_in(folder: &Path) -> Vec<OsString> {
    folder::names(folder).unwrap_or_default()
}
