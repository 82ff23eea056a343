import ArgumentParser
import CommandSupport
import FoundationEssentials
import GodwitEngine
import GodwitReplication
import GodwitServer

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reads every byte of a store and names all damage, or compares nodes.",
        discussion: """
            With --data: changes nothing; names each damaged file, where it is damaged, what of it is still readable and \
            which keys may have lost something. A checkpoint can be verified too.

            With --admin, said to a primary: compares its data with that of every follower that is connected to it, at \
            one position and one moment of expiry, down to the differing key. A follower that others follow compares \
            itself with those. Without a connected follower, or with one that does not stream yet, not everything is \
            compared.

            Exit status: 0 whole or equal, 2 damaged, different, not compared or any error.

            Examples:
              godwit verify --data ./store
              godwit verify --data ./store --json
              godwit verify --admin 127.0.0.1:7401
            """
    )

    @Option(help: ArgumentHelp("The store's directory.", valueName: "dir")) var data: String?
    @Option(
        help: ArgumentHelp("The HTTP address of a primary, or of a follower that is followed.", valueName: "host:port"))
    var admin: String?
    @OptionGroup var access: NodeAccess

    @Flag(help: "Print what was found as JSON.") var json = false

    func validate() throws {
        guard (data == nil) != (admin == nil) else {
            throw ValidationError("give --data for a store's files, or --admin to compare nodes")
        }
    }

    func run() async throws {
        if let data { return try verifyFiles(data) }
        let client = try access.client(of: admin ?? "")
        try show(try await client.json("POST", "/v1/verify", timeout: .seconds(3600)))
    }

    private func show(_ answer: [UInt8]) throws {
        let found = try JSONDecoder().decode(NodeClient.Verified.self, from: Data(answer))
        let output = StandardOutput()
        try output.write(json ? String(decoding: answer, as: UTF8.self) : VerificationLines.text(found.verification))
        try output.flush()
        switch found.verification.outcome {
        case .equal: return
        case .different: throw CommandFailure("the nodes do not hold the same data")
        case .notCompared: throw CommandFailure("not everything was compared; try again")
        }
    }

    private func verifyFiles(_ directory: String) throws {
        let report = try showingProgress("verify") { try Engine.verify(at: directory, progress: $0) }
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
