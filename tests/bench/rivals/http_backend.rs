//! Git's own server program behind the little HTTP that it needs: every request is one process of
//! `git http-backend`, as behind any web server that speaks CGI.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

/// Serves the repositories in `root` until the program ends; returns where.
pub(crate) fn serve(root: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let root = root.to_path_buf();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let root = root.clone();
            // A client that goes away ends its connection, nothing else.
            std::thread::spawn(move || drop(connection(&client, &root)));
        }
    });
    address
}

/// The head of a request.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    query: String,
    length: Option<u64>,
    chunked: bool,
    headers: Vec<(String, String)>,
}

fn connection(client: &TcpStream, root: &PathBuf) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(256 * 1024, client.try_clone()?);
    let mut output = client.try_clone()?;
    while let Some(request) = read_head(&mut input)? {
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("REMOTE_ADDR", "127.0.0.1");
        if let Some(length) = request.length {
            command.env("CONTENT_LENGTH", length.to_string());
        }
        for (name, value) in &request.headers {
            match name.as_str() {
                "content-type" => command.env("CONTENT_TYPE", value),
                "content-encoding" => command.env("HTTP_CONTENT_ENCODING", value),
                "git-protocol" => command.env("GIT_PROTOCOL", value),
                _ => &mut command,
            };
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let stdin = child.stdin.take().expect("a pipe");
        let stdout = child.stdout.take().expect("a pipe");
        // Git reads all that was asked before it answers, for every service that the benches use.
        feed(&mut input, &request, stdin)?;
        answer(&mut BufReader::with_capacity(256 * 1024, stdout), &mut output)?;
        child.wait()?;
    }
    Ok(())
}

fn read_head(input: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request =
        Request { method, path: path.to_owned(), query: query.to_owned(), ..Request::default() };
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(request)) };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        match name.as_str() {
            "content-length" => request.length = value.parse().ok(),
            "transfer-encoding" => request.chunked = value == "chunked",
            _ => request.headers.push((name, value)),
        }
    }
}

/// Hands the body of a request on.
fn feed(input: &mut impl BufRead, request: &Request, mut to: ChildStdin) -> std::io::Result<()> {
    if !request.chunked {
        std::io::copy(&mut input.take(request.length.unwrap_or(0)), &mut to)?;
        return Ok(());
    }
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        std::io::copy(&mut input.by_ref().take(size), &mut to)?;
        input.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// Hands the answer on: headers as a CGI program writes them, the body in chunks.
fn answer(from: &mut impl BufRead, to: &mut impl Write) -> std::io::Result<()> {
    let (mut status, mut head) = ("200 OK".to_owned(), String::new());
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            None => break,
            Some(("Status", value)) => value.trim().clone_into(&mut status),
            Some((name, value)) => head += &format!("{name}: {}\r\n", value.trim()),
        }
    }
    // One write for each piece, so that no packet holds a few bytes only.
    let mut piece = format!("HTTP/1.1 {status}\r\n{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    loop {
        let chunk = from.fill_buf()?;
        let len = chunk.len();
        if len == 0 {
            piece.extend_from_slice(b"0\r\n\r\n");
            return to.write_all(&piece);
        }
        piece.extend_from_slice(format!("{len:x}\r\n").as_bytes());
        piece.extend_from_slice(chunk);
        piece.extend_from_slice(b"\r\n");
        to.write_all(&piece)?;
        piece.clear();
        from.consume(len);
    }
}
