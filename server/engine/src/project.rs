//! A spec read from the disk, with all that planning needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_collection::LOCK;
use seed_role::Trouble;
use seed_role::claim::Claim;
use seed_role::host::others::{is_of_another_user, others_can_replace, others_write_file};
use seed_role::host::{Host, folder};
use seed_role::shell;
use seed_role::trouble::{Kind, Result};
use seed_spec::analysis::{Analysis, FoundCollection, Loader, MissingCollection, ROLE_FILE, Request, State};
use seed_spec::{Catalog, Code, SPEC_ENDINGS};
use serde_json::Value as Json;

use crate::apply::expire;
use crate::check::{analyse_with_graph, runs_commands};
use crate::identity::Then;
use crate::journal::ledger::Owned;
use crate::journal::{self, Journal, Ledger, Located, Note};
use crate::node::{Draft, Graph, Node};
use crate::plan::{self, Plan, World};
use crate::stored::{self, Stored};

/// Files longer than this, in bytes, are not read as specs.
pub const LONGEST: u64 = 64 << 20;

/// The parameter that [`seed_role::Role::left_over`] gives a value, and the attribute that tells which of these parts are there.
pub(crate) const LEFT_OVER: &str = "left_over";

/// Reads included files from the disk.
#[derive(Debug, Default)]
pub struct DiskLoader;

impl Loader for DiskLoader {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        read_text(path).map_err(|trouble| trouble.came_back)
    }

    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        roles_in(folder)
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn specs(&self, folder: &Path) -> Vec<PathBuf> {
        specs_in(folder)
    }

    fn collection(&self, name: &str, git: &str, rev: Option<&str>, beside: &Path) -> Result<FoundCollection, MissingCollection> {
        let lock = lock_text(&beside.join(LOCK), |path| read_text(path).map_err(|trouble| trouble.to_string()))?;
        crate::pinned::locate(name, git, rev, beside, lock.as_deref())
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::var_os("HOME").map(PathBuf::from)
    }
}

/// The names of the composite roles in a folder on the disk: of its folders with a `role.yml`.
pub fn roles_in(folder: &Path) -> Option<Vec<String>> {
    let names = folder::names(folder).ok().filter(|names| !names.is_empty() || folder.is_dir())?;
    let roles = names.into_iter().filter(|name| folder.join(name).join(ROLE_FILE).is_file());
    Some(roles.filter_map(|name| name.into_string().ok()).collect())
}

/// The text of a lock, if there is one.
///
/// # Errors
///
/// When there is one that cannot be read.
pub fn lock_text(
    path: &Path,
    read: impl FnOnce(&Path) -> Result<Arc<str>, String>,
) -> Result<Option<Arc<str>>, MissingCollection> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    read(path).map(Some).map_err(|message| MissingCollection {
        code: Code::CollectionChanged,
        message,
        help: format!("{LOCK} pins the collections; no collection is used without it"),
    })
}

/// The specs in a folder on the disk, sorted.
pub fn specs_in(folder: &Path) -> Vec<PathBuf> {
    let is_spec = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        SPEC_ENDINGS.iter().any(|end| name.len() > end.len() && name.ends_with(end)) && path.is_file()
    };
    // By their names they are sorted already.
    folder::names(folder).unwrap_or_default().into_iter().map(|name| folder.join(name)).filter(is_spec).collect()
}

/// The role types that a spec in a folder can name: the built-in ones and its composite roles.
pub fn catalog_of(folder: &Path) -> Arc<Catalog> {
    let path = folder.join("none.seed.yaml");
    let analysis = seed_spec::analysis::analyse(
        &Request { path: &path, text: "seed: 1\nname: none\nroles: {}\n", edited_line: None },
        seed_collections::catalog(),
        &DiskLoader,
    );
    analysis.catalogs.into_iter().next().unwrap_or_default()
}

/// Reads a spec's text from the disk.
///
/// # Errors
///
/// As [`read_bytes`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<Arc<str>> {
    text_of(&read_bytes(path)?, &format!("read {}", path.display()))
}

/// The text that bytes are.
///
/// # Errors
///
/// When they are not UTF-8, with what was attempted.
pub fn text_of(bytes: &[u8], attempted: &str) -> Result<Arc<str>> {
    match seed_spec::yaml::decode(bytes) {
        Ok(text) => Ok(text.into()),
        Err(diagnostic) => Err(Trouble::new(attempted, diagnostic.message).hint(diagnostic.help.unwrap_or_default())),
    }
}

/// Reads a spec from the disk. As root no link of another user is followed, and a file that another than root (or the one who called
/// sudo) owns or can write is refused. Nothing but a regular file is read, and none is waited for.
///
/// # Errors
///
/// When it cannot be read, is too long, or not safe.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    folder::content(&open_spec(path)?, LONGEST, || format!("read {}", path.display()))
}

/// Opens what [`read_bytes`] reads.
///
/// # Errors
///
/// As [`read_bytes`].
pub fn open_spec(path: &Path) -> Result<File> {
    let attempt = || format!("read {}", path.display());
    let file = folder::open_file(path)?.ok_or_else(|| Trouble::from_errno(attempt(), nix::errno::Errno::ENOENT))?;
    let metadata = file.metadata().map_err(|error| Trouble::from_io(attempt(), &error))?;
    if metadata.len() > LONGEST {
        return Err(Trouble::new(attempt(), "it is larger than 64 MiB"));
    }
    if nix::unistd::geteuid().is_root() {
        refuse_others_files(path, &file)?;
    }
    Ok(file)
}

/// Refuses, for root, a file that others than root and who called sudo can write, or can put another one in the place of.
fn refuse_others_files(path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let attempt = || format!("read {} as root", path.display());
    let said = |error: std::io::Error| Trouble::from_io(attempt(), &error);
    let refused = |came_back: &str, hint: String| Err(Trouble::new(attempt(), came_back).kind(Kind::Unsafe).hint(hint));
    if others_write_file(file).map_err(said)? {
        let is_others = is_of_another_user(file.metadata().map_err(said)?.uid());
        let hint = format!("chown root {0} && chmod go-w {0}", shell::word(path));
        return refused(if is_others { "it belongs to another user" } else { "others can write it" }, hint);
    }
    let real = folder::real(path)?;
    match others_can_replace(&real) {
        // It may be somebody's home, who must not be locked out of it.
        Some(above) => refused(
            &format!("others can write in {}, and put another file in its place", above.display()),
            "copy the spec to a folder that only root can write to, or run the command with sudo as its owner".into(),
        ),
        None => Ok(()),
    }
}

/// A spec that can be planned.
pub struct Project {
    /// The path of the spec.
    pub path: PathBuf,
    /// The analysis, without errors.
    pub analysis: Analysis,
    /// Its roles, and the orphans that only the journal knows.
    pub graph: Graph,
    /// The folder of its journal: the one of its path, until [`Project::read_journal`] or [`Project::open_journal`] have found it.
    pub folder: PathBuf,
    /// Where the spec was when it was last applied, if it was moved since.
    pub continues: Option<PathBuf>,
    state_folder: PathBuf,
    /// What is asked for, which decides what composite roles come to that write it for a state.
    pub asked: State,
    /// Whether what is no longer in the spec is removed.
    prune: bool,
    /// Roles that are left out of the graph.
    pub(crate) left_out: BTreeSet<Arc<str>>,
}

impl Project {
    /// Analyses a spec. With errors in it, it is not a project: the analysis alone comes back.
    pub fn new(
        path: &Path,
        text: &str,
        loader: &dyn Loader,
        host: &dyn Host,
        state_folder: &Path,
    ) -> Result<Project, Box<Analysis>> {
        let (analysis, graph) = analyse_with_graph(&Request { path, text, edited_line: None }, loader, Some(host));
        if analysis.has_errors() {
            return Err(Box::new(analysis));
        }
        Ok(Project {
            path: path.to_path_buf(),
            analysis,
            graph,
            folder: journal::folder_of(state_folder, path),
            continues: None,
            state_folder: state_folder.to_path_buf(),
            asked: State::Present,
            prune: false,
            left_out: BTreeSet::new(),
        })
    }

    /// Finds its journal and reads what it comes to. Changes nothing.
    ///
    /// # Errors
    ///
    /// When there are several that may be its journal, or it cannot be read; and as root, when others can write it.
    pub fn read_journal(&mut self, host: &dyn Host) -> Result<Ledger> {
        let (located, note) = self.locate()?;
        let mut ledger = journal::read_located(&located, &note, host)?;
        if ledger.knows_nothing() {
            ledger.elsewhere = elsewhere(&self.path, &located);
        }
        self.folder = located.folder;
        self.continues = located.continues;
        Ok(ledger)
    }

    /// Finds its journal, opens it for a run, and removes backups whose time is over. Where the spec was moved, the journal moves with
    /// it. The second part is what could not be done, and is no reason to stop.
    ///
    /// # Errors
    ///
    /// As [`Project::read_journal`] and [`Journal::open`]. As root, also when a user has applied the spec and root has not.
    pub fn open_journal(&mut self, host: &dyn Host) -> Result<(Journal, Vec<Trouble>)> {
        // Another run that moves the journal meanwhile does so once.
        const ATTEMPTS: usize = 3;
        for _ in 0..ATTEMPTS {
            let (located, note) = self.locate()?;
            if let Some(user) = user_who_keeps(&self.path, &located) {
                let words = format!("{user} has applied this spec, and only the journal of {user} says what was made for it");
                return Err(Trouble::new(format!("continue {} as root", self.path.display()), words)
                    .kind(Kind::Unsafe)
                    .hint(format!("run it as {user}: seed … {}", self.path.display())));
            }
            let elsewhere = elsewhere(&self.path, &located);
            if let Some(journal) = Journal::open_located(&located, &note, host)? {
                self.folder = journal.folder().to_path_buf();
                self.continues = located.continues;
                journal.note_elsewhere(elsewhere);
                let troubles = expire(host, &journal, self.analysis.keep);
                return Ok((journal, troubles));
            }
        }
        Err(Trouble::new(format!("open the journal of {}", self.path.display()), "other runs keep moving it")
            .kind(Kind::Busy)
            .hint("wait until they are done"))
    }

    fn locate(&self) -> Result<(Located, Note)> {
        let text = self.analysis.documents.first().map(|document| document.source.text().clone()).unwrap_or_default();
        let note = Note::of(&self.path, &text, self.analysis.name.as_deref(), self.analysis.keep);
        let located = journal::locate(&self.state_folder, &self.path, || Some(note.clone()))?;
        Ok((located, note))
    }

    /// Refuses what only the journal of root can answer, such as what to remove, for a user who has none.
    ///
    /// # Errors
    ///
    /// When root has applied the spec, and this user has not.
    pub fn require_journal_here(&self) -> Result<()> {
        if nix::unistd::geteuid().is_root() || !journal::is_kept_by_root(&self.path) {
            return Ok(());
        }
        let attempt = format!("read what was made for {}", self.path.display());
        Err(Trouble::new(attempt, "root applied this spec, and only the journal of root says that")
            .kind(Kind::Unsafe)
            .hint("run it with sudo"))
    }

    /// The same where a state is asked for: `present`, `absent`, or `info` to look. Comes before
    /// [`with_orphans`](Self::with_orphans).
    pub fn asked_for(mut self, asked: State, host: &dyn Host) -> Project {
        if asked != self.asked && !self.analysis.instead.is_empty() {
            let wholes = std::mem::take(&mut self.graph.wholes);
            self.graph = Graph { wholes, ..Graph::new(self.drafts(asked, host)) };
        }
        self.asked = asked;
        self
    }

    /// The same where parts of roles that are no longer in the spec are removed, or not. Comes before
    /// [`with_orphans`](Self::with_orphans).
    pub fn pruning(self, prune: bool) -> Project {
        Project { prune, ..self }
    }

    /// The same without roles that run programs which this host, a simulated one, does not have; and without those that come after them.
    pub(crate) fn without_commands(mut self, host: &dyn Host) -> Project {
        let dependents = self.graph.dependents();
        let mut gone: Vec<usize> =
            (0..self.graph.nodes.len()).filter(|index| runs_what_is_missing(&self.graph.nodes[*index], host)).collect();
        while let Some(index) = gone.pop() {
            if self.left_out.insert(self.graph.nodes[index].name.clone()) {
                gone.extend(&dependents[index]);
            }
        }
        if !self.left_out.is_empty() {
            let wholes = std::mem::take(&mut self.graph.wholes);
            self.graph = Graph { wholes, ..Graph::new(self.drafts(self.asked, host)) };
        }
        self
    }

    pub(crate) fn drafts(&self, asked: State, host: &dyn Host) -> Vec<Draft> {
        let mut drafts = crate::node::expand(&self.analysis, &seed_collections::REGISTRY, Some(host), asked);
        drafts.retain(|draft| !self.left_out.contains(&draft.name));
        drafts
    }

    /// Adds to the graph what only the ledger knows: roles that are no longer in the spec, and things that a role of the
    /// spec made under other parameters than it has now, such as a file at another path. Roles get the parts that Seed made and that they
    /// no longer name.
    pub fn with_orphans(mut self, ledger: &Ledger, host: &dyn Host) -> Project {
        let mut orphans: Vec<Draft> = ledger
            .names()
            .filter(|name| !self.graph.by_name.contains_key(*name))
            // What a composite role writes for another state is not forgotten.
            .filter(|name| !self.analysis.instead.iter().any(|role| *role.name == **name))
            .filter_map(|name| orphan(name, ledger.get(name)?))
            .collect();
        let then = Then::new(&self.graph, ledger);
        let mut moved = Vec::new();
        let mut differs = vec![false; self.graph.nodes.len()];
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let known_otherwise = ledger.differs(&node.name, node.role_type.name, &node.params.json);
            differs[index] = known_otherwise || node.rests_on.iter().any(|below| differs[*below]);
            if differs[index]
                && let Some(owned) = ledger.get(&node.name)
                && then.is_another_thing(node, &owned)
            {
                let name = free_name(&node.name, ledger);
                orphans.extend(orphan(&name, owned));
                moved.push((node.name.to_string(), name));
            }
        }
        let left_over: BTreeMap<Arc<str>, Json> =
            self.graph.nodes.iter().filter_map(|node| Some((node.name.clone(), left_over(node, ledger, self.prune)?))).collect();
        drop(then);
        if !orphans.is_empty() || !left_over.is_empty() {
            // What was made then rests on what there was then.
            orphans.iter_mut().for_each(|orphan| orphan.refer_to_moved(&moved));
            let mut drafts = self.drafts(self.asked, host);
            for draft in &mut drafts {
                if let Some(left_over) = left_over.get(&draft.name) {
                    draft.params.json[LEFT_OVER] = left_over.clone();
                }
            }
            drafts.extend(orphans);
            let wholes = std::mem::take(&mut self.graph.wholes);
            self.graph = Graph { wholes, ..Graph::new(drafts) };
            self.graph.moved = moved;
        }
        self.conceal_secrets_of_before(ledger);
        self
    }

    /// What its plans are made from.
    pub(crate) fn world<'w>(&'w self, host: &'w dyn Host, ledger: &'w Ledger) -> World<'w> {
        World { host, ledger, folder: &self.folder, name: self.analysis.name.as_deref(), keep: self.analysis.keep }
    }

    /// A secret stays one when the spec no longer says so: where other parameters, or a role that is no longer in the spec, wrote it, the
    /// role that writes there now does not show it.
    fn conceal_secrets_of_before(&mut self, ledger: &Ledger) {
        let graph = &self.graph;
        let is_orphan = |node: &Node| node.instance.is_none();
        let orphans = (0..graph.nodes.len()).filter(|index| is_orphan(&graph.nodes[*index]));
        let secret = orphans.filter(|index| stored::holds_secret(&graph.nodes[*index].params.json));
        let secret: Vec<Claim> = secret.flat_map(|index| graph.claims(index)).collect();
        let conceals = |index: &usize| {
            let node = &graph.nodes[*index];
            let wrote_secret = || ledger.get(&node.name).is_some_and(|owned| stored::holds_secret(&owned.params));
            !is_orphan(node)
                && (!secret.is_empty() && graph.claims(*index).iter().any(|claim| secret.contains(claim))
                    || ledger.differs(&node.name, node.role_type.name, &node.params.json) && wrote_secret())
        };
        let found: Vec<usize> = (0..graph.nodes.len()).filter(conceals).collect();
        found.into_iter().for_each(|index| self.graph.conceal(index));
    }

    /// Plans.
    ///
    /// # Errors
    ///
    /// As [`plan::plan`].
    pub fn plan(&self, host: &dyn Host, ledger: &Ledger, options: &plan::Options) -> Result<Plan> {
        let world = self.world(host, ledger);
        let plan = plan::plan(&self.graph, &world, &self.path.display().to_string(), options)?;
        let kept_by_root = journal::is_kept_by_root(&self.path);
        Ok(Plan { kept_by_root, continues: self.continues.clone(), damage: ledger.damage.clone(), ..plan })
    }
}

/// Where else it may be known what was made for a spec that has no journal here, in words.
pub fn elsewhere(spec: &Path, located: &Located) -> Option<String> {
    if let Some(user) = user_who_keeps(spec, located) {
        return Some(format!("{user} has applied this spec, so root will not apply it: run it as {user}"));
    }
    if journal::is_kept_by_root(spec) {
        return Some("root applied this spec; run it with sudo".into());
    }
    let unreadable = located.unreadable.first()?;
    Some(format!("{} is damaged and may belong to this spec", unreadable.display()))
}

/// The user who has a journal of a spec of which root, who asks, has none.
fn user_who_keeps(spec: &Path, located: &Located) -> Option<String> {
    if located.is_begun() { None } else { journal::user_who_keeps(spec) }
}

/// The parts that Seed made for a role and that its parameters no longer name, as a parameter.
fn left_over(node: &Node, ledger: &Ledger, prune: bool) -> Option<Json> {
    let role = node.role.as_ref().filter(|role| role.has_parts())?;
    let owned = ledger.get(&node.name).filter(|owned| owned.is == node.role_type.name && !owned.parts.is_empty())?;
    role.left_over(&owned.parts, prune)
}

/// Whether a role runs programs, and not all of them are there.
fn runs_what_is_missing(node: &Node, host: &dyn Host) -> bool {
    let commands = node.params.json.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array());
    let mut programs = commands.filter_map(|command| command.first()?.as_str());
    runs_commands(node) && programs.any(|program| host.find_program(program).is_none())
}

/// A name for what a role made before it was changed.
fn free_name(role: &str, ledger: &Ledger) -> String {
    let names = std::iter::once(format!("{role} (before)")).chain((2..).map(|number| format!("{role} (before {number})")));
    names.into_iter().find(|name| !ledger.owns(name)).unwrap_or_default()
}

fn orphan(name: &str, owned: Owned) -> Option<Draft> {
    let role_type = seed_collections::REGISTRY.get(&owned.is)?;
    let mut dynamic = false;
    stored::references(&owned.params, &mut |_| dynamic = true);
    Some(Draft {
        name: name.into(),
        role_type,
        is: owned.is.as_str().into(),
        why: None,
        state: State::Absent,
        disposable: owned.disposable,
        params: Stored { json: owned.params, dynamic },
        needs: owned.after.iter().map(|before| before.as_str().into()).collect(),
        instance: None,
        part_of: None,
        aside: false,
        literal: false,
        gives_way: true,
    })
}
