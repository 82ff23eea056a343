import Foundation
import Testing

@testable import GodwitServer

/// docs/redis.md says what the command table says.
@Suite struct ManualTests {
    private static let manual = URL(filePath: fixtures).deletingLastPathComponent().appending(path: "docs/redis.md")
    private static let begin = "<!-- commands: generated -->\n"
    private static let end = "<!-- end of commands -->\n"

    /// The table of commands, grouped as Redis groups them.
    private var table: String {
        let titles = [
            ("string", "Strings"), ("hash", "Hashes"), ("generic", "Keys"), ("transactions", "Transactions"),
            ("connection", "Connection"), ("server", "Server"),
        ]
        let commands = CommandTable.shared.commands
        #expect(Set(commands.map(\.group)) == Set(titles.map(\.0)))
        return titles.map { group, title in
            let rows = commands.filter { $0.group == group && CommandTable.shared.subcommands(of: $0).isEmpty }
                .sorted { $0.name < $1.name }
                .map { command in
                    let name = command.name.replacing("|", with: " ").uppercased()
                    let summary = command.summary.trimmingCharacters(in: ["."]).replacing("|", with: "\\|")
                    return
                        "| `\(name)` | \(summary) | \(command.categoryWords.map { "`\($0)`" }.joined(separator: " ")) |"
                }
            return "### \(title)\n\n| command | what it does | ACL categories |\n|---|---|---|\n"
                + rows.joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }

    @Test("the manual's table of commands is the command table; GODWIT_REWRITE=1 writes it anew")
    func commands() throws {
        let text = try String(contentsOf: Self.manual, encoding: .utf8)
        let parts = text.components(separatedBy: Self.begin)
        try #require(parts.count == 2)
        let rest = parts[1].components(separatedBy: Self.end)
        try #require(rest.count == 2)
        if ProcessInfo.processInfo.environment["GODWIT_REWRITE"] == "1" {
            let fresh = parts[0] + Self.begin + table + Self.end + rest[1]
            try fresh.write(to: Self.manual, atomically: true, encoding: .utf8)
        } else {
            #expect(rest[0] == table, "docs/redis.md is behind the command table: run with GODWIT_REWRITE=1")
        }
    }

    @Test("every flag of the listener is in the manual")
    func flags() throws {
        let text = try String(contentsOf: Self.manual, encoding: .utf8)
        for setting in SettingsReader.names where setting.name.hasPrefix("redis") {
            #expect(text.contains("`--\(setting.name)"), "\(setting.name)")
        }
    }

    @Test("every setting that CONFIG shows is in the manual")
    func settings() throws {
        let text = try String(contentsOf: Self.manual, encoding: .utf8)
        for setting in Configuration.settings { #expect(text.contains("`\(setting.name)`"), "\(setting.name)") }
    }
}
