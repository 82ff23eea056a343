import ArgumentParser
import CommandSupport
import GodwitEngine

struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a damaged store open again with all that is still readable.",
        discussion: """
            Damaged files are set aside in the directory `damaged` within the store's; the ranges of keys that may \
            have lost something are listed. A whole store is not changed. A checkpoint, where there is one, loses \
            less: see `restore`.

            Examples:
              godwit repair --data ./store
              godwit repair --data ./store --json
            """
    )

    @OptionGroup var store: StoreOptions

    @Flag(help: "Print what was done as JSON.") var json = false

    func run() throws {
        let report = try showingProgress("repair") { try Engine.repair(at: store.data, progress: $0) }
        let output = StandardOutput()
        if json { try output.writeJSON(RepairText(report)) } else { try output.write(Self.lines(report)) }
        try output.flush()
    }

    private static func lines(_ report: RepairReport) -> String {
        guard report.hasRepaired else { return "whole: nothing was changed\n" }
        var text = "repaired:\n"
        for action in report.actions { text += "  \(action)\n" }
        for file in report.setAside { text += "set aside: \(file)\n" }
        for name in report.renamedKeyspaces { text += "keyspace whose name is lost: now `\(name)`\n" }
        if let records = report.lostRecords {
            text += "log records cut off: sequence numbers \(records.lowerBound) to \(records.upperBound)\n"
        }
        for range in report.lost { text += "may be lost: \(range)\n" }
        if report.lost.isEmpty { text += "no range of keys is known to have lost anything\n" }
        return text
    }
}

/// What a repair did, for JSON.
struct RepairText: Encodable {
    struct Records: Encodable {
        let first: UInt64
        let last: UInt64
    }

    let repaired: Bool
    let actions: [String]
    let setAside: [String]
    let lost: [LostRangeText]
    let lostRecords: Records?
    let renamedKeyspaces: [String]

    init(_ report: RepairReport) {
        repaired = report.hasRepaired
        actions = report.actions
        setAside = report.setAside
        lost = report.lost.map(LostRangeText.init)
        lostRecords = report.lostRecords.map { Records(first: $0.lowerBound, last: $0.upperBound) }
        renamedKeyspaces = report.renamedKeyspaces
    }
}
