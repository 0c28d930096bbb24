//! Bringing stores together beside git: clone, push, fetch, through the command lines of both, on the same
//! histories, over a path and over HTTP.

mod peak;
mod proxy;
mod tool;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use proxy::{Proxy, Traffic};
use tool::{Server, Step, Tool};

use crate::import;
use crate::table::{self, Target};
use crate::timing::{Samples, Scale};
use crate::workload::{Evolving, Size};

/// Rounds of what takes long, and of what does not.
const ROUNDS: [usize; 2] = [3, 9];

const TOOLS: [Tool; 2] = [Tool::Recto, Tool::Git];

/// How two stores reach each other. A new way needs an address in [`Reach::to`], nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Path,
    Http,
}

impl Transport {
    const ALL: [Self; 2] = [Self::Path, Self::Http];

    fn name(self) -> &'static str {
        match self {
            Self::Path => "file",
            Self::Http => "HTTP",
        }
    }
}

/// How clients reach a store.
struct Reach {
    url: String,
    proxy: Option<Proxy>,
    _server: Option<Server>,
}

impl Reach {
    /// Makes the store in `dir` reachable; `None` when the tool cannot be reached so.
    fn to(tool: Tool, transport: Transport, dir: &Path) -> Option<Self> {
        match transport {
            Transport::Path => Some(Self { url: tool.path_url(dir), proxy: None, _server: None }),
            Transport::Http => {
                let server = tool.serve(dir)?;
                let proxy = Proxy::before(server.address);
                let url = tool.http_url(proxy.port(), dir);
                Some(Self { url, proxy: Some(proxy), _server: Some(server) })
            }
        }
    }

    fn traffic(&self) -> Traffic {
        self.proxy.as_ref().map(Proxy::traffic).unwrap_or_default()
    }
}

/// What one tool took for one operation.
#[derive(Debug, Default)]
struct Figures {
    samples: Samples,
    traffic: Vec<Traffic>,
}

impl Figures {
    fn take(&mut self, reach: &Reach, mut command: Command) {
        settle();
        let before = reach.traffic();
        self.samples.time(|| tool::run(&mut command));
        self.traffic.push(reach.traffic().since(before));
    }

    fn median(&self, of: impl Fn(&Traffic) -> u64) -> u64 {
        let mut all: Vec<u64> = self.traffic.iter().map(of).collect();
        all.sort_unstable();
        all[(all.len() - 1) / 2]
    }
}

/// One tool's side of a comparison: the store that is shared, and the clones of it.
struct Side {
    tool: Tool,
    dir: PathBuf,
    origin: PathBuf,
    reach: Reach,
}

impl Side {
    fn new(tool: Tool, transport: Transport, origin: &Path, dir: &Path) -> Option<Self> {
        std::fs::create_dir_all(dir).expect("a directory");
        let reach = Reach::to(tool, transport, origin)?;
        Some(Self { tool, dir: dir.to_path_buf(), origin: origin.to_path_buf(), reach })
    }

    fn clone_at(&self, at: usize) -> PathBuf {
        self.dir.join(format!("clone-{at}"))
    }
}

/// A history, and the stores made of it.
struct Shape {
    shown: String,
    dir: PathBuf,
    agents: Vec<Evolving>,
    versions: usize,
}

impl Shape {
    fn new(dir: &Path, agents: usize, versions: usize, size: Size) -> Self {
        std::fs::create_dir_all(dir).expect("a directory");
        let history = import::write(&dir.join("history"), agents, versions, size);
        for tool in TOOLS {
            tool.make(&history, &dir.join(tool.name()).join("origin"));
        }
        let shown = match agents {
            1 => format!("1 agent x {versions}"),
            _ => format!("{agents} agents x {versions}"),
        };
        Self { shown, dir: dir.to_path_buf(), agents: history.last, versions }
    }

    fn origin(&self, tool: Tool) -> PathBuf {
        self.dir.join(tool.name()).join("origin")
    }

    /// The next `count` versions, of all agents in turn.
    fn steps(agents: &mut [Evolving], count: usize) -> Vec<Step> {
        let len = agents.len();
        let step = |at: usize| {
            let agent = &mut agents[at % len];
            let changed = agent.step();
            Step { agent: import::name(at % len), config: agent.config.clone(), changed }
        };
        (0..count).map(step).collect()
    }
}

/// Measures bringing stores together.
pub(crate) fn run(dir: &Path, scale: Scale) {
    let shapes = [("one", 1, scale.versions, Size::Large), ("many", scale.agents, 20, Size::Middle)];
    for (name, agents, versions, size) in shapes {
        let shape = Shape::new(&dir.join(name), agents, versions, size);
        for transport in Transport::ALL {
            table::group(&format!("{} over {}, origin never packed", shape.shown, transport.name()));
            let sides = TOOLS.map(|tool| {
                let dir = shape.dir.join(format!("{}-unpacked-{}", tool.name(), transport.name()));
                Side::new(tool, transport, &shape.origin(tool), &dir)
            });
            clones(&sides, "clone");
        }
        for tool in TOOLS {
            if !tool.pack(&shape.origin(tool)) {
                table::remark(&format!("'{}' has no verb that packs a store", tool.name()));
            }
        }
        for transport in Transport::ALL {
            compare(&shape, transport, scale.publishes);
        }
        if agents == 1 {
            memory(&dir.join("quarter"), &shape);
        }
    }
}

/// All operations on copies of the packed stores.
fn compare(shape: &Shape, transport: Transport, pushed: usize) {
    table::group(&format!("{} over {}, origin packed once", shape.shown, transport.name()));
    let sides = TOOLS.map(|tool| {
        let dir = shape.dir.join(format!("{}-{}", tool.name(), transport.name()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let origin = dir.join("origin");
        tool::run(Command::new("cp").arg("-a").arg(shape.origin(tool)).arg(&origin));
        Side::new(tool, transport, &origin, &dir)
    });
    clones(&sides, "clone");
    if transport == Transport::Path {
        linked(&sides);
    }
    let mut agents = shape.agents.clone();
    let mut expected = shape.versions;
    let last = import::name(agents.len() - 1);

    let mut pushes: [Figures; 2] = Default::default();
    for _ in 0..ROUNDS[0] {
        let steps = Shape::steps(&mut agents, pushed);
        expected += steps.iter().filter(|step| step.agent == last).count();
        in_turn(&sides, &mut pushes, |side| {
            side.tool.publish(&side.clone_at(0), &steps);
            side.tool.push(&side.clone_at(0))
        });
        assert_all(&sides, |side| side.tool.versions(&side.origin, &last, false) == expected);
    }
    print(&sides, &format!("push of {pushed} versions"), &pushes, Target::None);

    for side in sides.iter().flatten() {
        tool::run(&mut side.tool.fetch(&side.clone_at(1)));
    }
    let mut fetches: [Figures; 2] = Default::default();
    for _ in 0..ROUNDS[1] {
        in_turn(&sides, &mut fetches, |side| side.tool.fetch(&side.clone_at(1)));
    }
    print(&sides, "fetch of nothing", &fetches, Target::Exactly(1));

    let mut fetches: [Figures; 2] = Default::default();
    for _ in 0..ROUNDS[1] {
        let at = agents.len() - 1;
        let mut steps = Shape::steps(&mut agents[at..], 1);
        steps[0].agent.clone_from(&last);
        expected += 1;
        in_turn(&sides, &mut fetches, |side| {
            side.tool.publish(&side.origin, &steps);
            side.tool.fetch(&side.clone_at(1))
        });
        assert_all(&sides, |side| side.tool.versions(&side.clone_at(1), &last, true) == expected);
    }
    print(&sides, "fetch of one version", &fetches, Target::None);
}

fn clones(sides: &[Option<Side>; 2], shown: &str) {
    let mut figures: [Figures; 2] = Default::default();
    for round in 0..ROUNDS[0] {
        in_turn(sides, &mut figures, |side| side.tool.clone_store(&side.reach.url, &side.clone_at(round)));
    }
    print(sides, shown, &figures, Target::None);
}

/// Git's shortcut between directories of one machine: it links the files of the packs and looks at none.
fn linked(sides: &[Option<Side>; 2]) {
    let Some(side) = sides.iter().flatten().find(|side| side.tool == Tool::Git) else { return };
    let mut figures = Figures::default();
    let origin = side.origin.display().to_string();
    for round in 0..ROUNDS[0] {
        figures.take(&side.reach, side.tool.clone_store(&origin, &side.dir.join(format!("linked-{round}"))));
    }
    table::rival("clone", "git, hard links", &table::shown(figures.samples.median()));
}

/// Lets every side do what `command` makes ready, one after the other.
fn in_turn(sides: &[Option<Side>; 2], figures: &mut [Figures; 2], mut command: impl FnMut(&Side) -> Command) {
    for (side, figures) in sides.iter().zip(figures) {
        if let Some(side) = side {
            let command = command(side);
            figures.take(&side.reach, command);
        }
    }
}

/// Nothing is compared with what did not happen.
fn assert_all(sides: &[Option<Side>; 2], is_so: impl Fn(&Side) -> bool) {
    for side in sides.iter().flatten() {
        assert!(is_so(side), "{} did not bring what it should", side.tool.name());
    }
}

/// Prints the lines of an operation; the target is that of recto's requests.
fn print(sides: &[Option<Side>; 2], operation: &str, [recto, git]: &[Figures; 2], requests: Target) {
    let shown = git.samples.median();
    let on_wire = sides[1].as_ref().is_some_and(|side| side.reach.proxy.is_some());
    let [bytes, count] = [git.median(|traffic| traffic.bytes), git.median(|traffic| traffic.requests)];
    if sides[0].is_none() {
        table::rival(operation, "git", &table::shown(shown));
        if on_wire {
            table::rival(&format!("{operation}, on the wire"), "git", &table::megabytes(bytes));
            table::rival(&format!("{operation}, requests"), "git", &count.to_string());
        }
        return;
    }
    table::times(operation, recto.samples.median(), "git", shown, Target::AtMost(1.0 / 3.0));
    if on_wire {
        let own = recto.median(|traffic| traffic.bytes);
        table::sizes(&format!("{operation}, on the wire"), own, "git", bytes, Target::AtMost(1.0));
        let own = recto.median(|traffic| traffic.requests);
        table::counts(&format!("{operation}, requests"), own, "git", count, requests);
    }
}

/// The memory that clones of N and of 4 N versions take, and whoever serves them.
fn memory(dir: &Path, shape: &Shape) {
    let quarter = Shape::new(dir, 1, shape.versions / 4, Size::Large);
    for tool in TOOLS {
        tool.pack(&quarter.origin(tool));
    }
    for transport in Transport::ALL {
        let title = "Peak memory of the largest process of a clone, N versions of one agent and 4 N, over";
        table::group(&format!("{title} {}", transport.name()));
        for tool in TOOLS {
            let peaks: Vec<peak::Peak> = [&quarter, shape]
                .into_iter()
                .filter_map(|shape| {
                    let dir = shape.dir.join(format!("{}-watched-{}", tool.name(), transport.name()));
                    let side = Side::new(tool, transport, &shape.origin(tool), &dir)?;
                    Some(peak::of(&mut tool.clone_store(&side.reach.url, &side.clone_at(0))))
                })
                .collect();
            let [n, n4] = peaks[..] else {
                table::remark(&format!("{} cannot be reached so", tool.name()));
                continue;
            };
            let target = if tool == Tool::Recto { Target::AtMost(1.5) } else { Target::None };
            let name = tool.name();
            table::sizes(&format!("{name} clone, 4 N beside N"), n4.client, "with N", n.client, target);
            if transport == Transport::Http {
                table::sizes(&format!("{name} server, 4 N beside N"), n4.server, "with N", n.server, target);
            }
        }
    }
}

/// Lets the machine finish what was written before, so that nobody waits for the files of others.
fn settle() {
    tool::run(&mut Command::new("sync"));
    std::thread::sleep(Duration::from_millis(20));
}
