internal import Glibc
package import Logging
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix

/// What is made of files, and made anew when they change: certificates, which new connections use from then on, while
/// those that are open go on with theirs. Files that cannot be used (half replaced, say) leave what there is in place
/// until they can.
package final class WatchedFiles<Value: Sendable>: Sendable {
    /// How a file was: another one in its place, or other content, shows in it. Of a link it is the file behind it that
    /// counts.
    private struct Stamp: Equatable {
        let device: UInt
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int

        /// Nil where there is no such file.
        init?(_ path: String) {
            var found = stat()
            guard unsafe stat(path, &found) == 0 else { return nil }
            (device, inode, size) = (UInt(found.st_dev), UInt(found.st_ino), Int(found.st_size))
            (seconds, nanoseconds) = (found.st_mtim.tv_sec, found.st_mtim.tv_nsec)
        }
    }

    private struct State {
        var value: Value
        /// How the files were when the value was made.
        var stamp: [Stamp?]
        /// How they were when that failed last.
        var refused: [Stamp?]?
    }

    private let name: String
    private let paths: [String]
    private let make: @Sendable () throws -> Value
    private let logger: Logger
    private let state: NIOLockedValueBox<State>

    /// Makes the value for the first time.
    ///
    /// - Parameters:
    ///   - name: What it is, for the log.
    ///   - paths: The files that count.
    ///   - make: Reads them.
    package init(
        _ name: String, paths: [String], logger: Logger, _ make: @escaping @Sendable () throws -> Value
    ) throws {
        self.name = name
        self.paths = paths
        self.make = make
        self.logger = logger
        let stamp = Self.stamp(paths)
        state = NIOLockedValueBox(State(value: try make(), stamp: stamp))
    }

    /// What a new connection is to use.
    package var current: Value { state.withLockedValue { $0.value } }

    /// Looks after the files once a second, on a thread that may wait for the disk, as long as the loop runs.
    package func watch(on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            NIOThreadPool.singleton.submit { _ in self.refresh() }
        }
    }

    /// Makes the value anew if the files have changed. Reads the disk.
    package func refresh() {
        let stamp = Self.stamp(paths)
        let (known, refused) = state.withLockedValue { ($0.stamp, $0.refused) }
        guard stamp != known else { return }
        do {
            let value = try make()
            state.withLockedValue { $0 = State(value: value, stamp: stamp) }
            logger.info("\(name): the files have changed, and are used from now on")
        } catch {
            state.withLockedValue { $0.refused = stamp }
            if refused == stamp { return }
            logger.warning("\(name): the files have changed and cannot be used", metadata: ["error": "\(error)"])
        }
    }

    private static func stamp(_ paths: [String]) -> [Stamp?] { paths.map { Stamp($0) } }
}
