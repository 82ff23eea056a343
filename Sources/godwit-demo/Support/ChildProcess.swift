import CommandSupport
import Glibc

/// A program as another process, whose standard output is a pipe to here: this one again unless another is named.
final class ChildProcess {
    private let process: pid_t
    private let pipe: Int32
    private var isReaped = false

    /// How a child ended.
    enum Ending: Equatable {
        case exited(Int32)
        case killed(Int32)
    }

    /// Starts a program with arguments.
    ///
    /// - Parameters:
    ///   - program: Its file; nil for this program.
    ///   - log: A file that its standard error is added to; nil for where this process's goes.
    init(_ arguments: [String], program: String? = nil, log: String? = nil) throws(CommandFailure) {
        let program = program ?? Self.executable
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw Self.failure("make a pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipe = ends[0]
        defer { close(ends[1]) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        if let log {
            unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe []
        for argument in [program] + arguments { unsafe strings.append(strdup(argument)) }
        defer { for index in unsafe strings.indices { unsafe free(strings[index]) } }
        unsafe strings.append(nil)
        var started: pid_t = 0
        let code = unsafe posix_spawn(&started, program, &actions, nil, strings, environ)
        guard code == 0 else {
            close(pipe)
            throw Self.failure("start another process", code)
        }
        process = started
    }

    deinit {
        if !isReaped {
            kill()
            _ = wait()
        }
        close(pipe)
    }

    /// The file of this program.
    private static let executable: String = {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", start.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }()

    /// A built program that stands beside this one.
    static func beside(_ name: String) -> String {
        let folder = executable.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        return (folder + [name[...]]).joined(separator: "/")
    }

    /// Ends the child at once: SIGKILL.
    func kill() { Glibc.kill(process, SIGKILL) }

    /// Asks the child to end in order: SIGTERM.
    func terminate() { Glibc.kill(process, SIGTERM) }

    /// The next bytes the child wrote; empty once it has gone and all is read, nil when none came in time.
    func read(within milliseconds: Int32 = -1) throws(CommandFailure) -> [UInt8]? {
        var wanted = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = unsafe poll(&wanted, 1, milliseconds)
            if ready == 0 { return nil }
            if ready > 0 { break }
            guard errno == EINTR else { throw Self.failure("wait for the child", errno) }
        }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(pipe, bytes.baseAddress, bytes.count)
            }
            if count >= 0 { return Array(buffer[..<count]) }
            guard errno == EINTR else { throw Self.failure("read from the child", errno) }
        }
    }

    /// Waits for the child's end.
    func wait() -> Ending {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        isReaped = true
        return status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(status & 0x7F)
    }

    private static func failure(_ action: String, _ code: Int32) -> CommandFailure {
        CommandFailure("cannot \(action): \(unsafe String(cString: strerror(code)))")
    }
}
