import ArgumentParser
import CommandSupport
import GodwitEngine

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads every byte of a store and names all damage.",
        discussion: """
            Changes nothing. Names each damaged file, where it is damaged, what of it is still readable and which \
            keys may have lost something. A checkpoint can be verified too.

            Exit status: 0 whole, 2 damaged or any error.

            Examples:
              godwit verify --data ./store
              godwit verify --data ./store --json
            """
    )

    @OptionGroup var store: StoreOptions

    @Flag(help: "Print what was found as JSON.") var json = false

    func run() throws {
        let report = try showingProgress("verify") { try Engine.verify(at: store.data, progress: $0) }
        let output = StandardOutput()
        if json {
            try output.writeJSON(VerificationText(report))
        } else {
            for file in report.damaged { try output.write(Self.lines(file)) }
            try output.write(
                """
                \(report.isWhole ? "whole" : "damaged"): read \(report.files) files, \(report.bytes) bytes: \
                \(report.tables) tables of \(report.entries) entries, \(report.records) records of the log

                """)
        }
        try output.flush()
        if report.isWhole { return }
        let count = report.damaged.count == 1 ? "1 damaged file" : "\(report.damaged.count) damaged files"
        throw CommandFailure(
            "\(count); restore a checkpoint, or keep what is readable with `godwit repair`"
        )
    }

    private static func lines(_ file: VerificationReport.DamagedFile) -> String {
        var text = "damaged: \(file.file)\n"
        for problem in file.problems {
            text += problem.offset.map { "  at byte \($0): " } ?? "  "
            text += problem.message + "\n"
        }
        if !file.readable.isEmpty { text += "  readable: \(file.readable)\n" }
        for range in file.lost { text += "  may be lost: \(range)\n" }
        return text
    }
}

/// What a verification found, for JSON.
struct VerificationText: Encodable {
    struct Problem: Encodable {
        let offset: UInt64?
        let message: String
    }

    struct File: Encodable {
        let file: String
        let problems: [Problem]
        let readable: String
        let lost: [LostRangeText]
    }

    let whole: Bool
    let damaged: [File]
    let files: Int
    let bytes: UInt64
    let tables: Int
    let entries: UInt64
    let records: UInt64

    init(_ report: VerificationReport) {
        whole = report.isWhole
        damaged = report.damaged.map { file in
            File(
                file: file.file, problems: file.problems.map { Problem(offset: $0.offset, message: $0.message) },
                readable: file.readable, lost: file.lost.map(LostRangeText.init))
        }
        files = report.files
        bytes = report.bytes
        tables = report.tables
        entries = report.entries
        records = report.records
    }
}
