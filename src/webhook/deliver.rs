//! Telling webhooks what happens: one thread finds it and knows how far each was told; each request has a
//! thread for as long as it takes, one at a time for each webhook. Of all processes on a store one does this.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::Agents;
use crate::clock::{Clock, Time};
use crate::disk::{LockGuard, Stat};
use crate::history::ends;
use crate::log::AgentId;
use crate::repo::{Repo, random_bytes};

use super::post::{GONE, is_success};
use super::queue::{Job, Next, Place, Queue};
use super::{Hooks, Poster, WebhookError};

/// How often the logs are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How much of the time may be spent on looking, and on keeping how far was told: one part in so many.
const SHARE: u32 = 9;
/// How often it is looked whether there are webhooks, and whether nobody else tells them.
const IDLE: Duration = Duration::from_secs(1);
/// The pause after what is needed could not be read.
const BROKEN_PAUSE: Duration = Duration::from_secs(10);
/// How long how far was told may not be kept, where nothing was sent.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// What came of a request.
struct Sent {
    hook: String,
    agent: AgentId,
    time: Time,
    id: String,
    next: Place,
    /// The status of the answer, or why there was none.
    answer: Result<u16, String>,
}

enum Told {
    Stop,
    Sent(Sent),
}

/// Tells webhooks what happens, until it is stopped or dropped.
#[derive(Debug)]
pub struct Deliverer {
    inbox: Sender<Told>,
    /// Closed when it has ended.
    ended: Receiver<()>,
}

impl Deliverer {
    /// Begins to tell; does nothing while there are no webhooks, or another process tells them.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(agents: Agents, repo: &Arc<Repo>) -> io::Result<Self> {
        let (outbox, inbox) = channel();
        let (end, ended) = channel();
        let mut telling = Telling {
            agents,
            hooks: Hooks::of(Arc::clone(repo)),
            clock: repo.shared_clock(),
            poster: None,
            inbox,
            outbox: outbox.clone(),
            lock: None,
            seen: None,
            queues: Vec::new(),
            look_at: None,
            is_told: false,
            rests_until: Instant::now(),
        };
        thread::Builder::new().name("recto-webhooks".to_owned()).spawn(move || {
            telling.run();
            drop(telling);
            drop(end);
        })?;
        Ok(Self { inbox: outbox, ended })
    }

    /// Lets it begin nothing more.
    pub fn stop(&self) {
        // It may have ended.
        let _ = self.inbox.send(Told::Stop);
    }

    /// Stops it, and waits until what was under way is done and kept, but no longer than that.
    pub fn finish(self, most: Duration) {
        self.stop();
        if self.ended.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("webhooks that are being told now will be told the same again");
        }
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Telling {
    agents: Agents,
    hooks: Hooks,
    clock: Arc<dyn Clock>,
    poster: Option<Poster>,
    inbox: Receiver<Told>,
    outbox: Sender<Told>,
    /// Held while this process is the one that tells.
    lock: Option<Box<dyn LockGuard>>,
    /// The file of webhooks that `queues` was made of.
    seen: Option<Stat>,
    queues: Vec<Queue>,
    /// When the logs are looked at again.
    look_at: Option<Instant>,
    /// Whether something was told since that was kept.
    is_told: bool,
    /// Until when nothing is kept.
    rests_until: Instant,
}

/// Any number.
fn chance() -> u64 {
    // Without randomness webhooks are merely asked again at the same moment as others.
    let bytes = random_bytes().unwrap_or_default();
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Telling {
    fn run(&mut self) {
        let mut pause = Duration::ZERO;
        loop {
            match self.inbox.recv_timeout(pause) {
                Ok(Told::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Told::Sent(sent)) => self.sent(sent),
                Err(RecvTimeoutError::Timeout) => {}
            }
            pause = self.round().unwrap_or_else(|error| {
                tracing::warn!(error = %error, "webhooks cannot be told what happens");
                BROKEN_PAUSE
            });
        }
        // A request has a time limit.
        while self.queues.iter().any(|queue| queue.busy) {
            match self.inbox.recv() {
                Ok(Told::Sent(sent)) => self.sent(sent),
                Ok(Told::Stop) => {}
                Err(_) => break,
            }
        }
        if self.lock.is_some()
            && let Err(error) = self.keep()
        {
            tracing::warn!(error = %error, "what webhooks were told is not kept: they will hear it again");
        }
    }

    /// Begins what can be begun; gives how long nothing more can.
    fn round(&mut self) -> Result<Duration, WebhookError> {
        if self.look_at.is_none_or(|until| Instant::now() >= until) {
            self.refresh()?;
            if self.queues.is_empty() {
                self.look_at = None;
                return Ok(IDLE);
            }
            self.look()?;
        }
        // Before more is told, so that less is told again should this process die.
        if self.has_to_keep() {
            self.keep()?;
        }
        let now = Instant::now();
        let time = self.clock.now();
        for at in 0..self.queues.len() {
            match self.queues[at].next(&self.agents, now, time, chance()) {
                Next::Tell(job) => self.send(at, job),
                Next::Broken(reason) => {
                    let hook = self.queues[at].hook.name.as_str();
                    tracing::warn!(hook, reason, "what a webhook is to be told cannot be read");
                }
                Next::Nothing => {}
            }
        }
        Ok(self.look_at.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now())))
    }

    /// Finds out which webhooks there are, and whether it is this process that tells them.
    fn refresh(&mut self) -> Result<(), WebhookError> {
        let stat = self.hooks.stat()?;
        if stat.is_none() {
            self.queues.clear();
            (self.lock, self.seen) = (None, None);
            return Ok(());
        }
        if self.lock.is_none() {
            self.lock = self.hooks.telling()?;
            if self.lock.is_none() {
                return Ok(());
            }
            tracing::info!("webhooks are told by this process");
        }
        if self.seen == stat {
            return Ok(());
        }
        let mut known = std::mem::take(&mut self.queues);
        for (hook, cursors) in self.hooks.with_cursors()? {
            if hook.gone.is_some() {
                continue;
            }
            let at = known.iter().position(|queue| queue.hook.id == hook.id);
            let queue = match at {
                // It may have another secret since.
                Some(at) => known.swap_remove(at).of(hook),
                None => Queue::new(hook, cursors),
            };
            self.queues.push(queue);
        }
        self.seen = stat;
        Ok(())
    }

    fn look(&mut self) -> Result<(), WebhookError> {
        let began = Instant::now();
        let mut found = Vec::new();
        ends(self.agents.repo().backend(), &mut |end| found.push(end))?;
        for queue in &mut self.queues {
            queue.see(&found);
        }
        self.look_at = Some(Instant::now() + LOOK_EVERY.max(began.elapsed() * SHARE));
        Ok(())
    }

    fn send(&mut self, at: usize, job: Job) {
        let hook = self.queues[at].hook.clone();
        let Job { agent, time, message, next } = job;
        let (id, outbox, clock) = (message.id.clone(), self.outbox.clone(), Arc::clone(&self.clock));
        let sent = move |answer| Sent { hook: hook.id.clone(), agent, time, id, next, answer };
        let poster = match &self.poster {
            Some(poster) => Ok(poster.clone()),
            None => Poster::new().inspect(|poster| self.poster = Some(poster.clone())),
        };
        let poster = match poster {
            Ok(poster) => poster,
            Err(reason) => return self.sent(sent(Err(reason))),
        };
        let hook = self.queues[at].hook.clone();
        let (failed, begin) = (sent.clone(), move || {
            let answer = poster.send(&hook, &message, clock.now());
            let answer = answer.map(|answer| answer.status).map_err(|error| error.to_string());
            // Nobody waits for it any more when the process ends.
            let _ = outbox.send(Told::Sent(sent(answer)));
        });
        let begun = thread::Builder::new().name("recto-webhook".to_owned()).spawn(begin);
        if let Err(error) = begun {
            self.sent(failed(Err(error.to_string())));
        }
    }

    /// Takes note of what came of a request.
    fn sent(&mut self, sent: Sent) {
        let Sent { hook, agent, time, id, next, answer } = sent;
        // It may have been removed meanwhile.
        let Some(at) = self.queues.iter().position(|queue| queue.hook.id == hook) else { return };
        let queue = &mut self.queues[at];
        let name = queue.hook.name.to_string();
        let reason = match answer {
            Ok(status) if is_success(status) => {
                tracing::info!(hook = name, id, status, "a webhook was told");
                queue.taken(agent, next);
                self.is_told = true;
                return;
            }
            Ok(GONE) => {
                tracing::warn!(hook = name, id, "a webhook has gone, and is told nothing any more");
                self.queues.remove(at);
                if let Err(error) = self.hooks.set_gone(&hook, self.clock.now()) {
                    tracing::warn!(hook = name, error = %error, "that a webhook has gone is not kept");
                }
                return;
            }
            Ok(status) => format!("it answered {status}"),
            Err(reason) => reason,
        };
        let now = (Instant::now(), self.clock.now());
        if queue.failed((agent, time, next), now, &reason, chance()) {
            tracing::error!(hook = name, id, reason, "a webhook could not be told for a day: given up");
        } else {
            tracing::warn!(hook = name, id, reason, "a webhook could not be told: tried again later");
        }
        self.is_told = true;
    }

    /// Whether how far each was told is to be kept now: at once after a request, unless that took long the
    /// last time.
    fn has_to_keep(&self) -> bool {
        let after = if self.is_told { Duration::ZERO } else { KEEP_EVERY };
        self.queues.iter().any(|queue| queue.changed) && Instant::now() >= self.rests_until + after
    }

    /// Keeps how far each was told.
    fn keep(&mut self) -> Result<(), WebhookError> {
        let began = Instant::now();
        self.hooks.keep(self.queues.iter().map(|queue| (queue.hook.id.as_str(), &queue.cursors)))?;
        for queue in &mut self.queues {
            queue.changed = false;
        }
        self.is_told = false;
        self.rests_until = Instant::now() + began.elapsed() * SHARE;
        Ok(())
    }
}
