// swift-tools-version: 6.2
import PackageDescription

/// Coverage-guided fuzzing by libFuzzer, apart from Godwit's own package because every program of a package built with
/// `--sanitize=fuzzer` gets libFuzzer's `main`. `make fuzz` runs it.
let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "godwit", path: "../..")],
    targets: [
        .executableTarget(
            name: "fuzz",
            dependencies: [
                .product(name: "GodwitEngine", package: "godwit"), .product(name: "GodwitReplication", package: "godwit"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("MemberImportVisibility")])
    ]
)
