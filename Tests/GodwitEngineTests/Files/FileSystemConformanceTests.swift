import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// What the engine expects of any file system, shown on the simulated one and on the computer's.
@Suite("A file system")
struct FileSystemConformanceTests {
    enum Kind: String, CaseIterable, Sendable { case simulated, posix }

    /// A file system with an empty directory in it.
    struct Place {
        let files: any FileSystem
        let root: String
        private let keeper: TemporaryDirectory?

        init(_ kind: Kind) throws {
            switch kind {
            case .simulated:
                files = SimulatedFileSystem(seed: 1)
                root = "/store"
                keeper = nil
                try files.createDirectory(root)
            case .posix:
                let directory = TemporaryDirectory()
                files = PosixFileSystem()
                root = directory.path
                keeper = directory
            }
        }

        func path(_ name: String) -> String { root + "/" + name }

        /// Makes a file with these bytes.
        @discardableResult
        func make(_ name: String, _ bytes: [UInt8]) throws -> any File {
            let file = try files.open(path(name), .create)
            try write(file, bytes, at: 0)
            return file
        }

        func write(_ file: any File, _ bytes: [UInt8], at offset: UInt64) throws {
            try bytes.withView { (view) throws(EngineError) in try file.writeFully(view, at: offset) }
        }

        /// All bytes of a file.
        func contents(_ name: String) throws -> [UInt8] {
            let file = try files.open(path(name), .read)
            return try file.read(Int(try file.size()), at: 0)
        }

        /// The code and error number that a call is refused with.
        func refusal(_ body: () throws -> Void) -> (code: EngineError.Code?, errno: Int32?) {
            do {
                try body()
                return (nil, nil)
            } catch {
                let error = error as? EngineError
                return (error?.code, error?.errno)
            }
        }
    }

    @Test("writes in place land where they belong, whatever their size and order", arguments: Kind.allCases)
    func writesInPlace(kind: Kind) throws {
        let place = try Place(kind)
        let random = SeededRandom(seed: 18)
        var model = [UInt8](repeating: 0, count: 10 << 20)
        let file = try place.make("a", model)
        file.beginWritingInPlace()
        var end = 0
        for round in 0..<400 {
            // Mostly one after the other, as a log is written; now and then somewhere else, or larger than any window.
            let length = round == 300 ? 5 << 20 : random.within(1...30_000)
            let offset = round % 50 == 49 ? random.below(model.count - length) : min(end, model.count - length)
            let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: length)
            try place.write(file, bytes, at: UInt64(offset))
            model.replaceSubrange(offset..<offset + length, with: bytes)
            end = offset + length
        }
        #expect(try place.contents("a") == model)
        try file.sync()
        // Past the present end the file grows, as ever.
        try place.write(file, [1, 2, 3], at: UInt64(model.count))
        #expect(try place.contents("a") == model + [1, 2, 3])
    }

    @Test("pieces read together are what each is alone, and one past the end is short", arguments: Kind.allCases)
    func readsTogether(kind: Kind) throws {
        let place = try Place(kind)
        let random = SeededRandom(seed: 19)
        let files = try ["a", "b", "c"].map { try place.make($0, random.bytes(50_000)) }
        var pieces: [FilePiece] = []
        defer { for piece in pieces { unsafe piece.buffer.deallocate() } }
        for index in 0..<200 {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: random.within(1...4_000), alignment: 16)
            unsafe pieces.append(FilePiece(files[index % 3], into: buffer, at: UInt64(random.below(50_000))))
        }
        guard place.files.readTogether(&pieces) else {
            #expect(pieces.allSatisfy { $0.count == 0 })
            return
        }
        for piece in pieces {
            let wanted = unsafe min(piece.buffer.count, 50_000 - Int(piece.offset))
            #expect(piece.count == wanted)
            #expect(unsafe Array(piece.buffer.prefix(wanted)) == (try piece.file.read(wanted, at: piece.offset)))
        }
    }

    @Test("gives back what was written, at any offset, through any handle", arguments: Kind.allCases)
    func readsWhatWasWritten(kind: Kind) throws {
        let place = try Place(kind)
        let random = SeededRandom(seed: 17)
        let file = try place.files.open(place.path("a"), .create)
        var model: [UInt8] = []
        for _ in 0..<60 {
            let bytes = random.bytes(random.within(1...3_000))
            let offset = random.below(8_000)
            try place.write(file, bytes, at: UInt64(offset))
            if offset + bytes.count > model.count {
                model += Array(repeating: 0, count: offset + bytes.count - model.count)
            }
            model.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        }
        #expect(try file.size() == UInt64(model.count))
        for mode in [OpenMode.read, .readWrite, .readDirect] {
            let other = try place.files.open(place.path("a"), mode)
            let isSame = try other.read(model.count, at: 0) == model
            #expect(isSame, "\(mode)")
            for _ in 0..<50 {
                let offset = random.below(model.count)
                let length = random.below(model.count - offset + 1)
                let isPart = try other.read(length, at: UInt64(offset)) == Array(model[offset..<(offset + length)])
                #expect(isPart, "\(mode): \(length) bytes at \(offset)")
            }
        }
        try file.sync()
        #expect(file.path == place.path("a"))
    }

    @Test("reads end where the file ends", arguments: Kind.allCases)
    func readsEndAtTheEnd(kind: Kind) throws {
        let place = try Place(kind)
        try place.make("a", [1, 2, 3])
        for mode in [OpenMode.read, .readDirect] {
            let file = try place.files.open(place.path("a"), mode)
            let error = #expect(throws: EngineError.self) { _ = try file.read(3, at: 1) }
            #expect(error?.code == .corruption)
            #expect(error?.offset == 1)
            #expect(try file.read(0, at: 3) == [])
            let more = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
            defer { unsafe more.deallocate() }
            #expect(try unsafe file.readFully(into: more, at: 1) == 2)
            #expect(try unsafe file.readFully(into: more, at: 3) == 0)
            #expect(try unsafe file.readFully(into: more, at: 9_999) == 0)
        }
    }

    @Test("cuts and grows files, with zeros where nothing was written", arguments: Kind.allCases)
    func truncates(kind: Kind) throws {
        let place = try Place(kind)
        let file = try place.make("a", [1, 2, 3, 4, 5])
        try file.truncate(to: 2)
        try file.truncate(to: 4)
        #expect(try place.contents("a") == [1, 2, 0, 0])
        try place.write(file, [9], at: 6)
        #expect(try place.contents("a") == [1, 2, 0, 0, 0, 0, 9])
        try file.truncate(to: 0)
        #expect(try file.size() == 0)
    }

    @Test("writes through a handle for reading are refused", arguments: Kind.allCases)
    func readHandlesDoNotWrite(kind: Kind) throws {
        let place = try Place(kind)
        try place.make("a", [1])
        let file = try place.files.open(place.path("a"), .read)
        #expect(place.refusal { try place.write(file, [2], at: 0) }.errno == EBADF)
        #expect(place.refusal { try file.truncate(to: 0) }.code == .io)
        #expect(try place.contents("a") == [1])
    }

    @Test("opens what exists and makes what does not", arguments: Kind.allCases)
    func openModes(kind: Kind) throws {
        let place = try Place(kind)
        for mode in [OpenMode.read, .readWrite, .readDirect] {
            let refusal = place.refusal { _ = try place.files.open(place.path("none"), mode) }
            #expect(refusal.code == .notFound)
            #expect(refusal.errno == ENOENT)
        }
        try place.make("a", [])
        #expect(place.refusal { _ = try place.files.open(place.path("a"), .create) }.errno == EEXIST)
        #expect(place.refusal { _ = try place.files.open(place.path("none/a"), .create) }.code == .notFound)
        #expect(place.refusal { _ = try place.files.open(place.path("a/b"), .read) }.code != nil)
    }

    @Test("lists names in bytewise order", arguments: Kind.allCases)
    func lists(kind: Kind) throws {
        let place = try Place(kind)
        for name in ["b", "a", "B", "é", "a.b", "10", "9"] { try place.make(name, []) }
        try place.files.createDirectory(place.path("dir"))
        #expect(try place.files.list(place.root) == ["10", "9", "B", "a", "a.b", "b", "dir", "é"])
        #expect(try place.files.list(place.path("dir")) == [])
        #expect(place.refusal { _ = try place.files.list(place.path("none")) }.code == .notFound)
        #expect(place.refusal { _ = try place.files.list(place.path("a")) }.errno == ENOTDIR)
    }

    @Test("makes directories with their parents, more than once", arguments: Kind.allCases)
    func directories(kind: Kind) throws {
        let place = try Place(kind)
        try place.files.createDirectory(place.path("x/y/z"))
        try place.files.createDirectory(place.path("x/y/z/"))
        #expect(try place.files.exists(place.path("x/y/z")))
        try place.make("x/y/z/a", [1])
        #expect(place.refusal { try place.files.removeDirectory(place.path("x/y/z")) }.errno == ENOTEMPTY)
        try place.files.remove(place.path("x/y/z/a"))
        try place.files.removeDirectory(place.path("x/y/z"))
        #expect(try !place.files.exists(place.path("x/y/z")))
        #expect(place.refusal { try place.files.removeDirectory(place.path("x/y/z")) }.code == .notFound)
        try place.make("file", [])
        #expect(place.refusal { try place.files.createDirectory(place.path("file")) }.errno == ENOTDIR)
        #expect(place.refusal { try place.files.createDirectory(place.path("file/x")) }.errno == ENOTDIR)
        try place.files.syncDirectory(place.path("x"))
        #expect(place.refusal { try place.files.syncDirectory(place.path("none")) }.code == .notFound)
    }

    @Test("renames in one step and replaces", arguments: Kind.allCases)
    func renames(kind: Kind) throws {
        let place = try Place(kind)
        try place.make("a", [1])
        let replaced = try place.make("b", [2])
        try place.files.rename(place.path("a"), to: place.path("b"))
        #expect(try place.files.list(place.root) == ["b"])
        #expect(try place.contents("b") == [1])
        #expect(try replaced.read(1, at: 0) == [2])
        #expect(place.refusal { try place.files.rename(place.path("a"), to: place.path("c")) }.code == .notFound)
        try place.files.rename(place.path("b"), to: place.path("b"))
        #expect(try place.contents("b") == [1])
    }

    @Test("a removed file stays readable through its handles", arguments: Kind.allCases)
    func removes(kind: Kind) throws {
        let place = try Place(kind)
        let file = try place.make("a", [1, 2])
        try place.files.remove(place.path("a"))
        #expect(try !place.files.exists(place.path("a")))
        #expect(try file.read(2, at: 0) == [1, 2])
        try place.write(file, [3], at: 0)
        #expect(try file.read(2, at: 0) == [3, 2])
        #expect(place.refusal { try place.files.remove(place.path("a")) }.code == .notFound)
        try place.make("a", [7])
        #expect(try place.contents("a") == [7])
    }

    @Test("a link is the same file under another name", arguments: Kind.allCases)
    func links(kind: Kind) throws {
        let place = try Place(kind)
        let file = try place.make("a", [1])
        try place.files.link(place.path("a"), to: place.path("b"))
        try place.write(file, [2], at: 0)
        #expect(try place.contents("b") == [2])
        try place.files.remove(place.path("a"))
        #expect(try place.contents("b") == [2])
        try place.make("c", [])
        #expect(place.refusal { try place.files.link(place.path("b"), to: place.path("c")) }.errno == EEXIST)
        #expect(place.refusal { try place.files.link(place.path("none"), to: place.path("d")) }.code == .notFound)
    }

    @Test("one lock at a time, naming the holder, until it is released", arguments: Kind.allCases)
    func locks(kind: Kind) throws {
        let place = try Place(kind)
        let first = try place.files.lock(place.path("LOCK"))
        let error = #expect(throws: EngineError.self) { _ = try place.files.lock(place.path("LOCK")) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(kind == .posix ? getpid() : 1)") == true)
        first.release()
        first.release()
        let second = try place.files.lock(place.path("LOCK"))
        first.release()
        #expect(place.refusal { _ = try place.files.lock(place.path("LOCK")) }.code == .locked)
        second.release()
        #expect(try place.files.exists(place.path("LOCK")))
        #expect(place.refusal { _ = try place.files.lock(place.path("none/LOCK")) }.code == .notFound)
    }

    @Test("a lock that nobody holds any more is free", arguments: Kind.allCases)
    func forgottenLock(kind: Kind) throws {
        let place = try Place(kind)
        do { _ = try place.files.lock(place.path("LOCK")) }
        try place.files.lock(place.path("LOCK")).release()
    }

    @Test("tells the free space", arguments: Kind.allCases)
    func freeSpace(kind: Kind) throws {
        let place = try Place(kind)
        #expect(try place.files.freeSpace(place.root) > 0)
        #expect(place.refusal { _ = try place.files.freeSpace(place.path("none")) }.code == .notFound)
    }
}

/// What only the computer's file system can show.
@Suite("The computer's file system")
struct PosixFileSystemTests {
    @Test("a store open in one process is refused in another, which names the holder")
    func twoProcessesOpen() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/LOCK"
        let holder = getpid()
        let lock = try PosixFileSystem().lock(path)
        await #expect(processExitsWith: .exitCode(7)) { [path = path as String, holder = holder as Int32] in
            do {
                _ = try PosixFileSystem().lock(path)
            } catch let error as EngineError where error.code == .locked {
                exit(error.message.contains("open in process \(holder)") ? 7 : 8)
            }
        }
        lock.release()
        withExtendedLifetime(directory) {}
    }

    @Test("a lock is free once its process has died")
    func lockOfADeadProcess() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/LOCK"
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let lock = try PosixFileSystem().lock(path)
            kill(getpid(), SIGKILL)
            lock.release()
        }
        try PosixFileSystem().lock(path).release()
        withExtendedLifetime(directory) {}
    }

    @Test("an offset that no file can have is refused")
    func impossibleOffset() throws {
        let directory = TemporaryDirectory()
        let file = try PosixFileSystem().open(directory.path + "/a", .create)
        let error = #expect(throws: EngineError.self) { _ = try file.read(1, at: .max) }
        #expect(error?.errno == EINVAL)
    }

    @Test("the parts of the system's environment work together")
    func systemEnvironment() throws {
        let system = EngineEnvironment.system
        #expect(system.clock.wallMilliseconds() > 1_700_000_000_000)
        let before = system.clock.monotonicNanoseconds()
        #expect(!system.executor.wait(at: Gate(), until: before + 2_000_000) { false })
        #expect(system.clock.monotonicNanoseconds() >= before + 2_000_000)
        #expect(Set((0..<100).map { _ in system.random.next() }).count == 100)
        #expect(try system.fileSystem.exists("/"))
    }
}
