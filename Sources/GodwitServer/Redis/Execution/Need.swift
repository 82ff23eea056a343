internal import GodwitEngine
internal import GodwitReplication

/// What a command lacks to go on: fetched by the pool, off the event loop.
enum Need: Sendable {
    /// A value that memory cannot tell of.
    case value(keyspace: Keyspace, key: [UInt8])
    /// The beginning of such a value, which tells what kind it is and when it expires.
    case head(keyspace: Keyspace, key: [UInt8])
    /// The entries of a range.
    case scan(ScanRequest)
    /// A database whose keyspaces are not there yet.
    case database(Int)
    /// Where the node's replication stands.
    case status
    /// Whether others have the client's last write, and this node's log.
    case confirmation(WriteLevel, local: Int, Duration)
    /// The content of the file of users.
    case readUsers(String)
    /// A file of users with this content.
    case writeUsers([UInt8], String)

    /// Whether it is work for the disk, of which there may be too much.
    var readsDisk: Bool {
        switch self {
        case .value, .head, .scan: true
        case .database, .status, .confirmation, .readUsers, .writeUsers: false
        }
    }

    /// Whether only the node can tell.
    var isOfNode: Bool {
        switch self {
        case .status, .confirmation: true
        case .value, .head, .scan, .database, .readUsers, .writeUsers: false
        }
    }

    /// Whether it is about the file of users.
    var isOfFile: Bool {
        switch self {
        case .readUsers, .writeUsers: true
        case .value, .head, .scan, .database, .status, .confirmation: false
        }
    }

    /// Whether there must be data to ask.
    var needsData: Bool {
        switch self {
        case .value, .head, .scan, .database, .confirmation: true
        case .status, .readUsers, .writeUsers: false
        }
    }
}

/// Who has a write.
struct Confirmation: Sendable {
    /// How many other nodes have it.
    let others: Int
    /// Whether this node's log is synced up to it.
    let isLocal: Bool
}

/// Which entries of a keyspace a command wants.
struct ScanRequest: Hashable, Sendable {
    var keyspace: Keyspace
    var lower: [UInt8]?
    var upper: [UInt8]?
    /// The most entries that are looked at.
    var limit = Int.max
    var isReverse = false
    /// Keys that do not match are left out; nil for none.
    var pattern: [UInt8]?
    /// Whether values are wanted whole, or only their first bytes.
    var wantsValues = true
    /// Whether only the number of entries is wanted.
    var isCount = false
    /// The most bytes of memory that what is found may take.
    var byteLimit = OutputLimits().reply

    /// The first bytes of a value that tell its kind.
    static let headLength = 9
}

/// What a scan found.
struct ScanResult: Sendable {
    struct Row: Sendable {
        let key: [UInt8]
        let value: [UInt8]
    }

    var rows: [Row] = []
    /// How many entries were looked at.
    var count = 0
    /// The last key that was looked at.
    var last: [UInt8]?
    /// Whether the range has nothing more.
    var isComplete = true
    /// Whether there was more than the limit of bytes, so that this is no answer.
    var isTooLarge = false
    /// Bytes of memory that the rows take.
    var byteCount = 0
}

/// What was fetched for a client that waits, each with the version of what guards it.
final class Fetched {
    struct FetchedValue {
        let value: [UInt8]?
        let guardian: Guardian
    }

    private struct Place: Hashable {
        let keyspace: UInt32
        let key: [UInt8]
        let isHead: Bool
    }

    private struct FetchedScan {
        let result: ScanResult
        let guardian: Guardian
    }

    private var values: [Place: FetchedValue] = [:]
    private var scans: [ScanRequest: FetchedScan] = [:]
    /// Bytes of memory that the data take.
    private(set) var byteCount = 0
    /// Whether something was asked for since the last fetch that a write had overtaken, and how often that was so.
    private var isOvertaken = false
    private var timesOvertaken = 0
    var status: ReplicaStatus?
    var confirmation: Confirmation?
    var userFile: Result<[UInt8], AccessFile.Problem>?

    /// Forgets all but what the node was asked.
    func forgetData() {
        values.removeAll()
        scans.removeAll()
        byteCount = 0
    }

    func add(_ value: [UInt8]?, _ keyspace: UInt32, _ key: [UInt8], _ guardian: Guardian, isHead: Bool = false) {
        let value = FetchedValue(value: value, guardian: guardian)
        let old = values.updateValue(value, forKey: Place(keyspace: keyspace, key: key, isHead: isHead))
        byteCount += (value.value?.count ?? 0) - (old?.value?.count ?? 0)
        if old == nil { byteCount += key.count + Self.overhead }
    }

    func add(_ result: ScanResult, _ request: ScanRequest, _ guardian: Guardian) {
        let old = scans.updateValue(FetchedScan(result: result, guardian: guardian), forKey: request)
        byteCount += result.byteCount - (old?.result.byteCount ?? 0)
    }

    /// Memory that an entry takes besides its bytes.
    private static let overhead = 128

    /// Notes whether writes have overtaken what was fetched before.
    func countOvertaking() {
        if isOvertaken { timesOvertaken += 1 }
        isOvertaken = false
    }

    /// Whether that was so often that it would not come to an end.
    var wasOvertakenOften: Bool { timesOvertaken > 2 }

    /// A fetched value, or the beginning of one, that no write has overtaken.
    func value(_ keyspace: UInt32, _ key: ByteSlice, _ versions: WriteVersions, isHead: Bool) -> FetchedValue? {
        var isStale = false
        // A whole value begins as its beginning does.
        for place in isHead ? [false, true] : [false] {
            let place = Place(keyspace: keyspace, key: key.array, isHead: place)
            guard let value = values[place] else { continue }
            if versions.holds(value.guardian) { return value }
            isStale = true
        }
        if isStale { isOvertaken = true }
        return nil
    }

    /// A fetched scan that no write has overtaken.
    func scan(_ request: ScanRequest, _ versions: WriteVersions) -> ScanResult? {
        guard let scan = scans[request] else { return nil }
        if versions.holds(scan.guardian) { return scan.result }
        isOvertaken = true
        return nil
    }
}

/// The version of a part of the keys at some moment.
struct Guardian: Sendable {
    let stripe: Int
    let version: UInt64

    /// Nothing is guarded.
    static let none = Guardian(stripe: -1, version: 0)
}

/// Counts writes by parts of the keys, so that what was fetched before a write is not taken for what is there after it.
struct WriteVersions {
    private static let stripes = 1024
    private var versions = [UInt64](repeating: 0, count: stripes + Database.count)
    private var all: UInt64 = 0

    /// The part that a key of a keyspace belongs to. Fields of one hash belong together.
    static func stripe(_ keyspace: UInt32, _ key: ByteSlice, isField: Bool) -> Int {
        let part = isField ? key.slice(0, min(8, key.count)) : key
        return Int(truncatingIfNeeded: part.hash(seed: UInt64(keyspace)) & UInt64(stripes - 1))
    }

    /// All keys of a database as one part.
    static func all(of database: Int) -> Int { stripes + database }

    func guardian(_ stripe: Int) -> Guardian { Guardian(stripe: stripe, version: versions[stripe] &+ all) }

    /// Whether nothing was written there since. What nothing guards (stripe -1) always holds.
    func holds(_ guardian: Guardian) -> Bool {
        guardian.stripe < 0 || versions[guardian.stripe] &+ all == guardian.version
    }

    mutating func bump(_ stripe: Int) { versions[stripe] &+= 1 }

    mutating func bumpAll() { all &+= 1 }
}
