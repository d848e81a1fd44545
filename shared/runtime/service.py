"""Runs one service: connect, follow the log, lead when the lease allows, drain when told to.

A service's own `service.py` is wiring only:

    def main() -> None:
        run_service("scanner", ScannerSettings, build)

    def build(settings: ScannerSettings, desk: DeskOpened) -> Parts:
        return Parts(processor=ScannerProcessor(partition=..., partitions=desk.partitions))

and its `__main__.py` calls `main()`.
"""
