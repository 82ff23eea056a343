import Foundation
import Testing

/// What the pages and docstrings promise about themselves.
@Suite struct DocumentationTests {
    private let root = FixtureFile.root.deletingLastPathComponent()

    private func swiftFiles(below folder: String) throws -> [(name: String, lines: [Substring])] {
        let base = root.appending(path: folder)
        let names = try FileManager.default.subpathsOfDirectory(atPath: base.path).filter { $0.hasSuffix(".swift") }
        return try names.sorted().map { name in
            let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
            return (name, text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    /// The lines that declare something public, cases of public enums and requirements of public protocols among them.
    private func declarations(_ lines: [Substring]) -> [Int] {
        // The indent at which an unmarked line is public, within the innermost enum or protocol.
        var scope: (indent: Int, words: [String])?
        return lines.indices.filter { index in
            let line = lines[index]
            let text = line.drop { $0 == " " }
            let indent = line.count - text.count
            if let open = scope, text == "}", indent < open.indent { scope = nil }
            let isPublic = text.hasPrefix("public ") || text.hasPrefix("@frozen public ")
            let isScoped = scope.map { open in indent == open.indent && open.words.contains { text.hasPrefix($0) } } ?? false
            if isPublic, text.hasSuffix("{") {
                if text.contains(" enum ") { scope = (indent + 4, ["case ", "indirect case "]) }
                if text.contains(" protocol ") { scope = (indent + 4, ["func ", "var ", "init", "associatedtype ", "static "]) }
            }
            return isScoped || isPublic && !text.hasPrefix("public import ") && !text.hasPrefix("public extension ")
        }
    }

    @Test("every public declaration of the engine has a docstring")
    func docstrings() throws {
        var count = 0
        for (name, lines) in try swiftFiles(below: "Sources/GodwitEngine") {
            for index in declarations(lines) {
                count += 1
                var above = index - 1
                while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
                let isDocumented = above >= 0 && lines[above].drop(while: { $0 == " " }).hasPrefix("///")
                #expect(isDocumented, "\(name):\(index + 1): \(lines[index])")
            }
        }
        #expect(count > 300)
    }

    @Test("every test that docs/internals/testing.md names is there")
    func namedTests() throws {
        let page = try String(contentsOf: root.appending(path: "docs/internals/testing.md"), encoding: .utf8)
        let files = Dictionary(
            try swiftFiles(below: "Tests").map { ($0.name.split(separator: "/").last ?? "", $0.lines.joined(separator: "\n")) },
            uniquingKeysWith: { first, _ in first })
        var count = 0
        for line in page.split(separator: "\n") where line.hasPrefix("| ") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2, let file = cells.last, file.hasSuffix(".swift`") else { continue }
            let name = file.trimmingCharacters(in: ["`"])
            let title = cells[cells.count - 2]
            count += 1
            #expect(files[name[...]]?.contains("\"\(title)\"") == true, "\(name) has no test \"\(title)\"")
        }
        #expect(count > 60)
    }

    @Test("links of the pages lead to files that are there")
    func links() throws {
        let pages = ["README.md", "fixtures/README.md"]
            + (try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: "docs").path)
                .filter { $0.hasSuffix(".md") }.map { "docs/" + $0 })
        for page in pages {
            let file = root.appending(path: page)
            for part in try String(contentsOf: file, encoding: .utf8).split(separator: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" }
                if target.isEmpty || target.contains("://") { continue }
                let path = file.deletingLastPathComponent().appending(path: String(target)).path
                #expect(FileManager.default.fileExists(atPath: path), "\(page): \(target)")
            }
        }
    }
}
