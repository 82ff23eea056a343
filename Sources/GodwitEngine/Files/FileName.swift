/// The names of a store's files, all in one directory. Numbered names take their numbers from one counter that the
/// manifest keeps, so no number is ever used for two files.
///
/// Each name has exactly one spelling: six to 18 decimal digits, no more zeros in front than six take. A file of any
/// other name is not the store's and is left alone.
enum FileName: Hashable, Sendable, CustomStringConvertible {
    /// `CURRENT`: says which manifest counts and up to where.
    case current
    /// `LOCK`: held by the process that has the store open.
    case lock
    /// `NODE`: the node's id, which checkpoints never contain.
    case node
    /// `CHECKPOINT`: lists the files of a checkpoint with their hashes; only checkpoints have it.
    case checkpoint
    /// `MANIFEST-000001`.
    case manifest(UInt64)
    /// `000012.log`: a log segment.
    case segment(UInt64)
    /// `000007.sst`: a table.
    case table(UInt64)
    /// `000013.tmp`: a file being made, to be renamed; whatever a crash leaves of it is deleted.
    case temporary(UInt64)

    /// Reads a name; nil when it is none of the store's.
    init?(_ name: String) {
        switch name {
        case "CURRENT": self = .current
        case "LOCK": self = .lock
        case "NODE": self = .node
        case "CHECKPOINT": self = .checkpoint
        default:
            let bytes = Array(name.utf8)
            let prefix = Array("MANIFEST-".utf8)
            if bytes.starts(with: prefix) {
                guard let number = FileName.number(in: bytes[prefix.count...]) else { return nil }
                self = .manifest(number)
                return
            }
            guard bytes.count > 4, let number = FileName.number(in: bytes.dropLast(4)) else { return nil }
            switch String(decoding: bytes.suffix(4), as: UTF8.self) {
            case ".log": self = .segment(number)
            case ".sst": self = .table(number)
            case ".tmp": self = .temporary(number)
            default: return nil
            }
        }
    }

    /// The file's number, where its kind has one.
    var number: UInt64? {
        switch self {
        case .current, .lock, .node, .checkpoint: nil
        case .manifest(let number), .segment(let number), .table(let number), .temporary(let number): number
        }
    }

    /// The name as it stands in the directory.
    var description: String {
        switch self {
        case .current: "CURRENT"
        case .lock: "LOCK"
        case .node: "NODE"
        case .checkpoint: "CHECKPOINT"
        case .manifest(let number): "MANIFEST-" + FileName.digits(number)
        case .segment(let number): FileName.digits(number) + ".log"
        case .table(let number): FileName.digits(number) + ".sst"
        case .temporary(let number): FileName.digits(number) + ".tmp"
        }
    }

    /// The file's path in a directory.
    func path(in directory: String) -> String { "\(directory)/\(self)" }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 6 - text.utf8.count)) + text
    }

    private static func number(in digits: ArraySlice<UInt8>) -> UInt64? {
        guard digits.count >= 6, digits.count <= 18 else { return nil }
        guard digits.count == 6 || digits.first != UInt8(ascii: "0") else { return nil }
        var number: UInt64 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            number = number * 10 + UInt64(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
