from unihub.cli import main

main(prog_name="unihub")
